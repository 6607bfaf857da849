#pragma once
// Kernels of other numbers than bf16, as PTX: over words that a test names.

#include "attention_problems.hpp"
#include "matmul_problems.hpp"
#include "ptx_attention_case.hpp"
#include "ptx_matmul_case.hpp"

namespace tenon_test {

inline ptx::Module& module() {
  static ptx::Module loaded = ptx::load(TENON_TEST_PTX);
  return loaded;
}

/// Products within `bound`, and the same bits in every way.
template <class Words, class P>
void check_product(const char* kernel, double bound) {
  for (const auto& [tokens, rows, depth] : {std::tuple{128, 128, 128}, {1, 40, 304}, {130, 140, 72}}) {
    ptx_matmul<P> p(tokens, rows, depth, extras::bias_and_residual);
    p.check_ways(bound, [&](const ptx::Options& way) {
      p.spoil();
      launch_clean(module(), kernel, p.grid(Words::block_tokens, Words::block_rows), Words::threads, ptx::Args(p.arguments()), Words::shared_bytes, way);
    });
  }
}

/// Attention within the rounding of f16.
template <class Words, class P>
void check_attention(const char* kernel, const sizes& of) {
  ptx_attention<P> p(of, {}, {}, {});
  p.check_ways(kernel, [&](const ptx::Options& way) {
    p.spoil();
    launch_clean(module(), kernel, p.grid(Words::block_rows), Words::threads, ptx::Args(p.arguments()), Words::shared_bytes, way);
  });
  CHECK(p.distance() <= 1e-3);
}

}  // namespace tenon_test
