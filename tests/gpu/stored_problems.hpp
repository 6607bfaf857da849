#pragma once
// The products with stored weights that the tests of GPU kernels compile and run: every format, by tiles and for few tokens, and gates.

#include <tenon/kernels/launch/gpu/few_tokens.hpp>
#include <tenon/kernels/launch/gpu/panel_matmul.hpp>
#include <tenon/policies/gate.hpp>

namespace tenon_test {

/// Words: of a product, by leaf, format and number of matrices. Kernel: of such words.
template <class Leaf, template <class, class, int> class Words, template <class, class, class, class> class Kernel = tenon::panel_matmul_body>
struct stored_kernels {
  template <class Format, int Matrices>
  using words = Words<Leaf, Format, Matrices>;
  template <class Format>
  using tiled = Kernel<Leaf, Words<Leaf, Format, 1>, float, tenon::added>;
  template <class Format>
  using gated = Kernel<Leaf, Words<Leaf, Format, 2>, tenon::bf16, tenon::silu>;
  template <class Format>
  using few = tenon::few_tokens_body<Leaf, Format, 1, 1, float, tenon::added>;
  template <class Format>
  using four = tenon::few_tokens_body<Leaf, Format, 4, 1, float, tenon::added>;
  template <class Format>
  using few_gated = tenon::few_tokens_body<Leaf, Format, 1, 2, tenon::bf16, tenon::silu>;
  template <class Body>
  static constexpr int tokens_of = std::is_same_v<Body, four<tenon::panel::q4_k>> ? 4 : 1;
  using arrange = tenon::arrange_body<Leaf, Words<Leaf, tenon::panel::q8_0, 1>>;
};

}  // namespace tenon_test

// Calls kernel(name, type) for each, where `kernels` are those of a machine.
#define TENON_TEST_KERNELS(kernel)                             \
  kernel(arrange, kernels::arrange)                            \
  kernel(stored_i8, kernels::tiled<tenon::panel::i8>)          \
  kernel(stored_q8_0, kernels::tiled<tenon::panel::q8_0>)      \
  kernel(stored_q4_0, kernels::tiled<tenon::panel::q4_0>)      \
  kernel(stored_q4_1, kernels::tiled<tenon::panel::q4_1>)      \
  kernel(stored_q4_k, kernels::tiled<tenon::panel::q4_k>)      \
  kernel(stored_q6_k, kernels::tiled<tenon::panel::q6_k>)      \
  kernel(gated_q4_k, kernels::gated<tenon::panel::q4_k>)       \
  kernel(few_bf16, kernels::few<tenon::bf16_rows>)             \
  kernel(few_i8, kernels::few<tenon::panel::i8>)               \
  kernel(few_q8_0, kernels::few<tenon::panel::q8_0>)           \
  kernel(few_q4_0, kernels::few<tenon::panel::q4_0>)           \
  kernel(few_q4_1, kernels::few<tenon::panel::q4_1>)           \
  kernel(few_q4_k, kernels::four<tenon::panel::q4_k>)         \
  kernel(few_q6_k, kernels::few<tenon::panel::q6_k>)           \
  kernel(few_gated_q6_k, kernels::few_gated<tenon::panel::q6_k>)
