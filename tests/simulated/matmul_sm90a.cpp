// The product kernel of sm_90a of bf16 (matmul_sm90a.hpp). Of e4m3: exhaustive/matmul_sm90a_e4m3.cpp.
#include "matmul_sm90a.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("products, ragged in every direction") {
  check_sm90a_matmul<to_float>(1, 8, 8, false);
  check_sm90a_matmul<to_float>(3, 9, 1, false);
  check_sm90a_matmul<to_float>(33, 40, 71, true, 3);
  check_sm90a_matmul<to_bf16>(129, 131, 330, true);
  check_sm90a_matmul<to_bf16>(5, 260, 64, false, 5);
}

TEST_CASE("every break of the product kernel shows") {
  matmul_case<to_float> c(40, 70, 371, true);  // six stages of the depth where shared memory holds four
  check_sm90a_matmul_breaks(c, 5);
}

}  // namespace
