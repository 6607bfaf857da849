#pragma once
// What the benches of products on GPUs compute, out [token, row] = x [token, depth] w [row, depth]^T of bf16 with 4096 rows and a depth of 4096,
// and how the vendors' libraries do: cuBLASLt and hipBLASLt have the same functions under two names.

#include "gpu_measure.hpp"

namespace tenon_bench {

template <class Gpu>
struct matmul_work {
  static constexpr int rows = 4096, depth = 4096;
  using index_t = tenon::index_t;
  using numbers = decltype(random_numbers(std::declval<const Gpu&>(), 1));
  int tokens;
  numbers x, w, out;
  matmul_work(const Gpu& gpu, const benchmark::State& state)
      : tokens(static_cast<int>(state.range(0))), x(random_numbers(gpu, index_t{tokens} * depth)), w(random_numbers(gpu, index_t{rows} * depth)),
        out(gpu.template array<tenon::bf16>(index_t{tokens} * rows)) {}
  double operations() const { return 2.0 * tokens * rows * depth; }
  double bytes() const { return 2.0 * (static_cast<double>(tokens) * depth + static_cast<double>(rows) * depth + static_cast<double>(tokens) * rows); }
};

inline void register_matmul(const char* name, void (*products)(benchmark::State&)) {
  register_sizes(name, products, {16, 128, 2048});
}

/// The way that Library's own heuristic thinks best, in 32 MiB of room.
template <class Device, class Library>
void library_products(benchmark::State& state) {
  const auto need = [](auto status) {
    if (status != Library::success) throw tenon::error(Library::name, " failed with code ", static_cast<int>(status), ". Fix: its version must fit the driver and the GPU.");
  };
  const Device gpu{0};
  const matmul_work<Device> with(gpu, state);
  const auto room = gpu.template array<std::byte>(tenon::index_t{32} << 20);
  typename Library::handle handle;
  typename Library::product product;
  typename Library::layout w, x, out;
  typename Library::preference preference;
  need(Library::create(&handle));
  need(Library::create_product(&product, Library::compute, Library::sum));
  const auto transposed = Library::transposed;
  need(Library::set_product(product, Library::transposes_first, &transposed, sizeof transposed));
  // Columns first: its out [row, token] is ours [token, row].
  const auto tokens = static_cast<std::uint64_t>(with.tokens);
  need(Library::create_layout(&w, Library::number, with.depth, with.rows, with.depth));
  need(Library::create_layout(&x, Library::number, with.depth, tokens, with.depth));
  need(Library::create_layout(&out, Library::number, with.rows, tokens, with.rows));
  need(Library::create_preference(&preference));
  const auto bytes = static_cast<std::uint64_t>(room.size());
  need(Library::set_preference(preference, Library::most_room, &bytes, sizeof bytes));
  typename Library::way best;
  int found = 0;
  need(Library::choose(handle, product, w, x, out, out, preference, 1, &best, &found));
  if (found == 0) throw tenon::error(Library::name, " knows no way to compute this product. Fix: other sizes.");
  const float one = 1, zero = 0;
  measure(state, gpu, with.operations(), with.bytes(), [&] {
    need(Library::multiply(handle, product, &one, with.w.data(), w, with.x.data(), x, &zero, with.out.data(), out, with.out.data(), out, &best.algo, room.data(), bytes, gpu.stream()));
  });
  need(Library::destroy_preference(preference));
  for (auto layout : {w, x, out}) need(Library::destroy_layout(layout));
  need(Library::destroy_product(product));
  need(Library::destroy(handle));
}

}  // namespace tenon_bench
