#pragma once
// What the benches of products on GPUs compute, out [token, row] = x [token, depth] w [row, depth]^T of bf16 with 4096 rows and a depth of 4096.

#include "gpu_measure.hpp"
#include "library_product.hpp"

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

/// The same by a vendor's library, in 32 MiB of room.
template <class Device, class Library>
void library_products(benchmark::State& state) {
  const Device gpu{0};
  const matmul_work<Device> with(gpu, state);
  const auto room = gpu.template array<std::byte>(tenon::index_t{32} << 20);
  library_product<Library> multiply(static_cast<std::uint64_t>(with.tokens), with.rows, with.depth, room.size());
  measure(state, gpu, with.operations(), with.bytes(), [&] { multiply(with.x.data(), with.w.data(), with.out.data(), room.data(), gpu.stream()); });
}

}  // namespace tenon_bench
