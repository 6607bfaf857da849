// Activations of 8 bits with one scale per 128 values of a token on GPUs, of floats and behind a product, executed on both architectures.
#include "device_case.hpp"

#include <limits>

#include <tenon/kernels/launch/gpu/products.hpp>
#include <tenon/kernels/reference/quantise.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE_TEMPLATE("rows of any width, zeros, tiny ones, the greatest, NaN and infinity", Number, std::int8_t, e4m3) {
  on_simulated_gpus([](const auto& machine) {
    using machine_type = std::remove_cvref_t<decltype(machine)>;
    for (const index_t width : {1, 15, 16, 100, 129, 1024, 2503}) {
      CAPTURE(width);
      constexpr index_t tokens = 7;
      auto x = noise(tokens * width, static_cast<unsigned>(width));
      const auto row = [&](index_t t) { return x.begin() + t * width; };
      std::fill(row(1), row(2), 0.0f);
      std::fill(row(2), row(3), 0x1p-120f);
      for (auto at = row(3); at != row(4); ++at) *at *= 1e30f;
      *(row(5) - 1) = std::numeric_limits<float>::quiet_NaN();
      *row(5) = -std::numeric_limits<float>::infinity();
      *(row(6) + width / 2) = std::numeric_limits<float>::max();
      const index_t stride = quantised_stride(width);
      const device_numbers on_x(machine, x);
      const device_numbers<machine_type, Number> out(machine, static_cast<std::size_t>(tokens * stride));
      const device_numbers<machine_type, float> scales(machine, static_cast<std::size_t>(tokens * scales_of(width)));
      quantise(machine, view<const float, 2>(on_x.data(), tokens, width), out.data(), scales.data());

      std::vector<Number> want(static_cast<std::size_t>(tokens * width));
      std::vector<double> of(static_cast<std::size_t>(tokens * ((width + 127) / 128)));
      tenon::reference::quantise(view<const float, 2>(x.data(), tokens, width), view<Number, 2>(want.data(), tokens, width), of.data());
      const auto got = out.host();
      const auto got_scales = scales.host();
      REQUIRE(got_scales.size() == of.size());
      for (std::size_t i = 0; i < of.size(); ++i) CHECK((std::isnan(of[i]) ? std::isnan(got_scales[i]) : std::abs(static_cast<double>(got_scales[i]) / of[i] - 1) < 1e-6));
      for (std::size_t t = 0; t < tokens; ++t) {
        CAPTURE(t);
        const auto at = got.begin() + static_cast<index_t>(t) * stride;
        const auto wanted = want.begin() + static_cast<index_t>(t) * width;
        CHECK(std::equal(at, at + width, wanted));
        CHECK(std::all_of(at + width, at + stride, [](Number n) { return n == Number{}; }));
      }
    }
  });
}

template <class Number>
struct quantised_product {
  using number = Number;
  using out = Number;
};

// Results of one product as floats, made numbers of 8 bits by the kernel, and made so by the product.
template <class Number, class Machine>
void check_behind_product(const Machine& machine, index_t tokens, index_t rows, index_t depth, bool more) {
  CAPTURE(tokens);
  CAPTURE(rows);
  auto x = noise(tokens * depth, 1);
  const auto set = [&](index_t t, index_t k, float value) {
    if (t < tokens) x[static_cast<std::size_t>(t * depth + k)] = value;
  };
  for (index_t k = 0; k < depth; ++k) set(1, k, 0), set(2, k, 1e-30f);
  set(3, 0, std::numeric_limits<float>::quiet_NaN()), set(4, depth - 1, std::numeric_limits<float>::infinity()), set(5, depth / 2, 3e38f);
  const std::vector<float> w = noise(rows * depth, 2), bias = noise(rows, 3), before = noise(tokens * rows, 4);
  const compute how = std::is_same_v<Number, e4m3> ? compute::e4m3 : compute::int8;
  std::vector<std::int8_t> whole;
  for (const float value : w) whole.push_back(static_cast<std::int8_t>(40 * std::tanh(value)));
  stored_matrix stored{.kind = storage::f32, .rows = rows, .columns = depth, .bytes = reinterpret_cast<const std::byte*>(w.data())};
  if (how == compute::int8) stored.kind = storage::i8, stored.bytes = reinterpret_cast<const std::byte*>(whole.data());
  const auto memory = allocate(machine, packed_bytes(machine, stored.kind, how, rows, depth), "weights", memory_use::constants);
  const packed_matrix packed = pack(machine, stored, how, memory.data());
  const device_numbers on_x(machine, x), on_bias(machine, bias), on_before(machine, before);
  const device_numbers<Machine, std::byte> scratch(machine, matmul_scratch(machine, tokens, depth));
  kernel_detail::device_x<Machine> of(machine, view<const float, 2>(on_x.data(), tokens, depth), scratch.data());
  const auto with = [&](auto a, auto* out, index_t stride) {
    a.out = out, a.out_stride = stride;
    if (more) a.bias = on_bias.data(), a.residual = on_before.data(), a.residual_stride = rows;
    return a;
  };
  using format = number_rows<Number>;
  const index_t stride = quantised_stride(rows);
  const device_numbers<Machine, float> floats(machine, before.size());
  kernel_detail::launch_rows<format>(machine, of, {packed}, with(matmul_arguments<device_product<Number>>{}, floats.data(), rows));
  const auto filled = std::vector<std::uint8_t>(static_cast<std::size_t>(tokens * stride), 0x55);
  const auto count = static_cast<std::size_t>(tokens * scales_of(rows));
  const device_numbers want(machine, filled), got(machine, filled);
  const device_numbers<Machine, std::uint32_t> want_scales(machine, count), got_scales(machine, count);
  quantise(machine, view<const float, 2>(floats.data(), tokens, rows), reinterpret_cast<Number*>(want.data()), reinterpret_cast<float*>(want_scales.data()));
  auto to = with(matmul_arguments<quantised_product<Number>>{}, reinterpret_cast<Number*>(got.data()), stride);
  to.out_scale = reinterpret_cast<float*>(got_scales.data());
  kernel_detail::launch_rows<format>(machine, of, {packed}, to);
  CHECK(want.host() == got.host());
  CHECK(want_scales.host() == got_scales.host());
}

TEST_CASE("a product writes the bytes that the kernel makes of its result: ragged, one token, zeros, tiny ones, a huge one, NaN and infinity") {
  on_simulated_gpus([]<class Machine>(const Machine& machine) {
    const auto check = [&](auto number) {
      using number_type = decltype(number);
      check_behind_product<number_type>(machine, 1, 15, 40, false);
      check_behind_product<number_type>(machine, 9, 300, 200, true);
      check_behind_product<number_type>(machine, 67, 129, 129, false);
    };
    check(std::int8_t{});
    if constexpr (multiplies_e4m3<Machine>) check(e4m3{});
  });
}

TEST_CASE("memory that is not aligned is refused") {
  const simulated<sm80> machine;
  CHECK_THROWS_WITH_AS(quantise(machine, view<const float, 2>(nullptr, 1, 4), reinterpret_cast<std::int8_t*>(1), nullptr), doctest::Contains("multiple of 16 bytes"), error);
}

}  // namespace
