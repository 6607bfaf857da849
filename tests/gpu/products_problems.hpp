#pragma once
// The kernels behind products of other numbers than bf16, as launch functions start them: what makes such numbers of x, tiles, and few tokens.

#include <tenon/kernels/launch/gpu/few_tokens.hpp>
#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/launch/gpu/panel_matmul.hpp>
#include <tenon/kernels/launch/gpu/quantise.hpp>
#include <tenon/policies/gate.hpp>

namespace tenon_test {

/// Words: the words_of an architecture.
template <class Words, class Leaf>
struct product_kernels {
  template <class Number, int Matrices = 1>
  using words = typename Words::template matmul<Leaf, Number, Matrices>;
  template <class Number>
  using tiles = tenon::matmul_body<Leaf, words<Number>, tenon::device_product<Number>>;
  /// What a gate opens, as floats, and quantised for the next product.
  template <class Number>
  using gated = tenon::matmul_body<Leaf, words<Number, 2>, tenon::gated_product<Number, float, tenon::swiglu>>;
  template <class Number>
  using opened = tenon::matmul_body<Leaf, words<Number, 2>, tenon::gated_product<Number, Number, tenon::swiglu>>;
  template <class Number>
  using one = tenon::few_tokens_body<Leaf, tenon::number_rows<Number>, 1, 1, float, tenon::added>;
  template <class Number>
  using four = tenon::few_tokens_body<Leaf, tenon::number_rows<Number>, 4, 1, float, tenon::added>;
  template <class Number>
  using four_gated = tenon::few_tokens_body<Leaf, tenon::number_rows<Number>, 4, 2, float, tenon::swiglu>;
  template <class Number>
  using quantised = tenon::quantise_body<Leaf, Number>;
  using halves = tenon::arrange_body<Leaf, tenon::natural_order, tenon::f16>;
};

}  // namespace tenon_test

// Calls kernel(name, type) for each, where `kernels` are those of a machine, and on sm_90a `..._of_maps` its matmul_tensor_body of e4m3.
#define TENON_TEST_KERNELS_OF_8_BITS(kernel)                \
  kernel(quantise_int8, kernels::quantised<std::int8_t>)    \
  kernel(quantise_e4m3, kernels::quantised<tenon::e4m3>)    \
  kernel(one_int8, kernels::one<std::int8_t>)               \
  kernel(four_int8, kernels::four<std::int8_t>)             \
  kernel(one_e4m3, kernels::one<tenon::e4m3>)               \
  kernel(four_e4m3, kernels::four<tenon::e4m3>)             \
  kernel(few_int8, kernels::four_gated<std::int8_t>)        \
  kernel(few_e4m3, kernels::four_gated<tenon::e4m3>)        \
  kernel(tiles_int8, kernels::tiles<std::int8_t>)           \
  kernel(gated_int8, kernels::gated<std::int8_t>)           \
  kernel(opened_int8, kernels::opened<std::int8_t>)
#define TENON_TEST_KERNELS_SM89(kernel)           \
  TENON_TEST_KERNELS_OF_8_BITS(kernel)            \
  kernel(tiles_e4m3, kernels::tiles<tenon::e4m3>) \
  kernel(gated_e4m3, kernels::gated<tenon::e4m3>) \
  kernel(opened_e4m3, kernels::opened<tenon::e4m3>)
#define TENON_TEST_KERNELS_SM90A(kernel) \
  TENON_TEST_KERNELS_OF_8_BITS(kernel)   \
  kernel(tiles_e4m3, tiles_of_maps)      \
  kernel(gated_e4m3, gated_of_maps)      \
  kernel(opened_e4m3, opened_of_maps)
#define TENON_TEST_KERNELS_SM75(kernel)         \
  kernel(halves, kernels::halves)               \
  kernel(one_f16, kernels::one<tenon::f16>)     \
  kernel(four_f16, kernels::four<tenon::f16>)   \
  kernel(tiles_f16, kernels::tiles<tenon::f16>) \
  kernel(gated_f16, kernels::gated<tenon::f16>)
