#pragma once
// Products of other numbers than bf16 as models call them on a GPU: whole numbers where weights are stored as i8, e4m3 where floats are to be, x with a scale per 128
// of a token, weights with one per row; f16 where there is nothing else. Few tokens, which take x as it is, and many.

#include "device_case.hpp"

#include <algorithm>
#include <tuple>

#include <tenon/kernels/launch/gpu/products.hpp>
#include <tenon/kernels/reference/gate.hpp>
#include <tenon/kernels/reference/quantise.hpp>

namespace tenon::testing {

/// A random matrix stored as `kind`, f32, e4m3 or i8, with a scale for each `scale_columns` of a row (0: none), packed for products of `how`.
template <class Machine>
struct stored_weights {
  std::vector<float> scales;
  std::vector<std::byte> bytes;
  stored_matrix stored;
  typename memory_on<Machine>::type memory;
  packed_matrix packed;

  stored_weights(const Machine& machine, storage kind, compute how, index_t rows, index_t depth, index_t scale_columns, unsigned seed)
      : stored{.kind = kind, .rows = rows, .columns = depth}, memory(allocate(machine, packed_bytes(machine, kind, how, rows, depth), "weights", memory_use::constants)) {
    const std::vector<float> values = noise(rows * depth, seed);
    for (const float value : values) {
      const auto put = [&](auto number) {
        const auto* at = reinterpret_cast<const std::byte*>(&number);
        bytes.insert(bytes.end(), at, at + sizeof number);
      };
      if (kind == storage::f32)
        put(value);
      else if (kind == storage::e4m3)
        put(e4m3(50 * value));
      else
        put(static_cast<std::int8_t>(std::clamp(40 * value, -127.0f, 127.0f)));
    }
    stored.bytes = bytes.data();
    if (scale_columns != 0) {
      scales = noise(rows * ((depth + scale_columns - 1) / scale_columns), seed + 1);
      for (float& scale : scales) scale = 0.01f + 0.01f * std::abs(scale);
      stored.scales = scales.data(), stored.scale_rows = 1, stored.scale_columns = scale_columns;
    }
    packed = pack(machine, stored, how, memory.data());
  }
};

/// Floats [row, width] as numbers of 8 bits stand for them, with a scale for each 128 of a row of x, or for each row of w.
template <class Number>
std::vector<double> x_of_8_bits(const std::vector<float>& x, index_t tokens) {
  const index_t width = static_cast<index_t>(x.size()) / tokens;
  std::vector<Number> numbers(x.size());
  std::vector<double> scales(static_cast<std::size_t>((width + 127) / 128 * tokens)), out;
  tenon::reference::quantise(view<const float, 2>(x.data(), tokens, width), view<Number, 2>(numbers.data(), tokens, width), scales.data());
  for (index_t t = 0; t < tokens; ++t)
    for (index_t i = 0; i < width; ++i) out.push_back(scales[static_cast<std::size_t>(i / 128 * tokens + t)] * static_cast<double>(static_cast<float>(numbers[static_cast<std::size_t>(t * width + i)])));
  return out;
}
template <class Number>
std::vector<double> w_of_8_bits(const std::vector<float>& w, index_t rows) {
  const index_t width = static_cast<index_t>(w.size()) / rows;
  std::vector<double> out;
  for (index_t r = 0; r < rows; ++r) {
    std::vector<Number> numbers(static_cast<std::size_t>(width));
    const double scale = tenon::reference::quantise(w.data() + r * width, width, numbers.data());
    for (const Number n : numbers) out.push_back(scale * static_cast<double>(static_cast<float>(n)));
  }
  return out;
}

/// x [token, depth] w^T + bias in double, x and w as many tokens of a product of Number meet; w by a scale per row unless it is stored so.
template <class Number>
std::vector<double> product_of_8_bits(const std::vector<float>& x, index_t tokens, const stored_matrix& w, bool few, bool as_stored, const float* bias = nullptr) {
  const index_t depth = w.columns;
  std::vector<float> rows(static_cast<std::size_t>(w.rows * depth));
  for (index_t r = 0; r < w.rows; ++r) w.decode_row(r, rows.data() + r * depth);
  const std::vector<double> left = few ? doubles(x) : x_of_8_bits<Number>(x, tokens), right = as_stored ? doubles(rows) : w_of_8_bits<Number>(rows, w.rows);
  std::vector<double> out;
  for (index_t t = 0; t < tokens; ++t)
    for (index_t r = 0; r < w.rows; ++r) {
      double sum = bias == nullptr ? 0.0 : static_cast<double>(bias[r]);
      for (index_t k = 0; k < depth; ++k) sum += left[static_cast<std::size_t>(t * depth + k)] * right[static_cast<std::size_t>(r * depth + k)];
      out.push_back(sum);
    }
  return out;
}
inline constexpr double bound_of_8_bits = 1e-5;

/// multiple: of which depths are.
template <class Number, class Machine>
void check_products_of_8_bits(const Machine& machine, index_t multiple = 1) {
  constexpr bool whole = std::is_same_v<Number, std::int8_t>;
  constexpr compute how = whole ? compute::int8 : compute::e4m3;
  constexpr storage own = whole ? storage::i8 : storage::e4m3;
  const struct {
    index_t tokens, depth;
    storage kind;
    index_t scale_columns;
  } cases[] = {{1, 61, own, 61}, {3, 288, own, 32}, {130, 64, own, 64}, {9, 200, own, 0}, {20, 331, own, 64}, {5, 80, storage::f32, 0}, {33, 415, storage::f32, 0}};
  for (const auto& [tokens, least_depth, kind, scaled_columns] : cases) {
    const index_t depth = (least_depth + multiple - 1) / multiple * multiple, scale_columns = scaled_columns == least_depth ? depth : scaled_columns;
    if (whole && kind == storage::f32) continue;
    CAPTURE(tokens);
    CAPTURE(depth);
    const stored_weights<Machine> a(machine, kind, how, 40, depth, scale_columns, 1), b(machine, kind, how, 131, depth, scale_columns, 3);
    CHECK(a.packed.as == packed_as::rows_of_8_bits);
    const bool few = tokens <= tuning::few_tokens, as_stored = kind == own && (scale_columns == 0 || scale_columns >= depth);
    const auto x = noise(tokens * depth, 5), bias = noise(40, 6), before = noise(tokens * 131, 7);
    const device_numbers on_x(machine, x), on_bias(machine, bias), sum(machine, before);
    const device_numbers<Machine, float> out(machine, static_cast<std::size_t>(tokens * 40));
    const device_numbers<Machine, std::byte> scratch(machine, matmul_scratch(machine, tokens, depth));
    const product two[] = {{.weights = a.packed, .out = view<float, 2>(out.data(), tokens, 40), .bias = on_bias.data()},
                           {.weights = b.packed, .out = view<float, 2>(sum.data(), tokens, 131), .how = finish::add}};
    matmul(machine, view<const float, 2>(on_x.data(), tokens, depth), two, scratch.data());
    CHECK(apart(out.host(), product_of_8_bits<Number>(x, tokens, a.stored, few, as_stored, bias.data())) < bound_of_8_bits);
    auto want = product_of_8_bits<Number>(x, tokens, b.stored, few, as_stored);
    for (std::size_t i = 0; i < want.size(); ++i) want[i] += static_cast<double>(before[i]);
    CHECK(apart(sum.host(), want) < bound_of_8_bits);
  }
}

/// A gate and what it opens, in one kernel, and the product of that. Returns how far from it the call is that does both at once, of many tokens through numbers of 8 bits.
template <class Number, class Machine>
double gates_of_8_bits(const Machine& machine, index_t tokens, index_t hidden, index_t width) {
  constexpr compute how = std::is_same_v<Number, std::int8_t> ? compute::int8 : compute::e4m3;
  constexpr storage own = std::is_same_v<Number, std::int8_t> ? storage::i8 : storage::e4m3;
  CAPTURE(tokens);
  const stored_weights<Machine> gate(machine, own, how, hidden, width, width, 1), up(machine, own, how, hidden, width, width, 3), down(machine, own, how, width, hidden, hidden, 6);
  const auto x = noise(tokens * width, 5), bias = noise(width, 8), before = noise(tokens * width, 9);
  const device_numbers on_x(machine, x), on_bias(machine, bias), one(machine, before), other(machine, before);
  const device_numbers<Machine, float> out(machine, static_cast<std::size_t>(tokens * hidden));
  const device_numbers<Machine, std::byte> scratch(machine, matmul_scratch(machine, tokens, hidden > width ? hidden : width));
  const view<const float, 2> in(on_x.data(), tokens, width);
  const view<float, 2> between(out.data(), tokens, hidden);
  gated_matmul(machine, in, gate.packed, up.packed, swiglu{}, between, scratch.data());
  const bool few = tokens <= tuning::few_tokens;
  const auto opening = product_of_8_bits<Number>(x, tokens, gate.stored, few, true), opened = product_of_8_bits<Number>(x, tokens, up.stored, few, true);
  std::vector<double> want(opened.size());
  reference::open_gate(swiglu{}, view<const double, 2>(opening.data(), tokens, hidden), view<const double, 2>(opened.data(), tokens, hidden), view<double, 2>(want.data(), tokens, hidden));
  const auto gated = out.host();
  CHECK(apart(gated, want) < 2 * bound_of_8_bits);

  const auto of = [&](const auto& sums) { return product{.weights = down.packed, .out = view<float, 2>(sums.data(), tokens, width), .bias = on_bias.data(), .how = finish::add}; };
  const product last[] = {of(one)};
  matmul(machine, between, last, scratch.data());
  auto sum = product_of_8_bits<Number>(gated, tokens, down.stored, few, true, bias.data());
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(before[i]);
  CHECK(apart(one.host(), sum) < bound_of_8_bits);
  gated_mlp_products(machine, in, gate.packed, up.packed, swiglu{}, between, of(other), scratch.data());
  return apart(other.host(), doubles(one.host()));
}
/// multiple: of which widths are, up to 4.
template <class Number, class Machine>
void check_gates_of_8_bits(const Machine& machine, index_t multiple = 1) {
  CHECK(gates_of_8_bits<Number>(machine, 2, 36 + multiple, 96) == 0);
  CHECK(gates_of_8_bits<Number>(machine, 17, 36 + multiple, 96) == 0);
  CHECK(gates_of_8_bits<Number>(machine, 70, 300, 132) == 0);
}

/// On machines that multiply f16 alone: weights of any storage, x and weights rounded to it.
template <class Machine>
void check_products_of_f16(const Machine& machine) {
  for (const auto& [tokens, depth, kind, scale_columns] : {std::tuple<index_t, index_t, storage, index_t>{1, 61, storage::f32, 0}, {4, 200, storage::i8, 200}, {33, 71, storage::f32, 0}, {130, 64, storage::e4m3, 64}}) {
    CAPTURE(tokens);
    CAPTURE(depth);
    const stored_weights<Machine> w(machine, kind, compute::bf16, 131, depth, scale_columns, 1);
    CHECK(w.packed.kind == storage::f16);
    const auto x = noise(tokens * depth, 5), bias = noise(131, 6), before = noise(tokens * 131, 7);
    const device_numbers on_x(machine, x), on_bias(machine, bias), out(machine, before);
    const device_numbers<Machine, std::byte> scratch(machine, matmul_scratch(machine, tokens, depth));
    const product one[] = {{.weights = w.packed, .out = view<float, 2>(out.data(), tokens, 131), .bias = on_bias.data(), .how = finish::add}};
    matmul(machine, view<const float, 2>(on_x.data(), tokens, depth), one, scratch.data());
    const bool few = tokens <= tuning::few_tokens;
    std::vector<double> want;
    std::vector<float> row(static_cast<std::size_t>(depth));
    for (index_t t = 0; t < tokens; ++t)
      for (index_t r = 0; r < 131; ++r) {
        w.stored.decode_row(r, row.data());
        double sum = static_cast<double>(bias[static_cast<std::size_t>(r)]) + static_cast<double>(before[static_cast<std::size_t>(t * 131 + r)]);
        for (index_t k = 0; k < depth; ++k) {
          const float value = x[static_cast<std::size_t>(t * depth + k)];
          sum += static_cast<double>(few ? value : static_cast<float>(f16(value))) * static_cast<double>(static_cast<float>(f16(row[static_cast<std::size_t>(k)])));
        }
        want.push_back(sum);
      }
    CHECK(apart(out.host(), want) < 1e-5);
  }
}

}  // namespace tenon::testing
