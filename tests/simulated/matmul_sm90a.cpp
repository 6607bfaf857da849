// The product kernel of sm_90a of bf16, executed, and every break of it (matmul_runs.hpp). Of e4m3: exhaustive/matmul_sm90a_e4m3.cpp.
#include "matmul_runs.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("products, ragged in every direction") {
  check_ragged_matmul<sm90a>();
  check_matmul<sm90a, to_bf16>(129, 131, 330, true);
}

/// In a tile of its own.
struct in_small_tiles : to_bf16 {
  static constexpr tuning::sm90a::matmul_tile tile{128, 3};
};
TEST_CASE("a tile that the problem names") {
  static_assert(kernels_of<sm90a>::matmul<kernels_of<sm90a>::leaf, in_small_tiles>::block_rows == 128);
  check_matmul<sm90a, in_small_tiles>(129, 131, 330, true);
}

TEST_CASE("every break of the product kernel shows") {
  matmul_case<to_float> c(40, 70, 371, true);  // six stages of the depth where shared memory holds four
  const break_row own[] = {{"the last wait for products left out", {mutation::drop_product_wait, 5}}};
  check_matmul_breaks<sm90a>(c, slips_of_boxes, own);
}

}  // namespace
