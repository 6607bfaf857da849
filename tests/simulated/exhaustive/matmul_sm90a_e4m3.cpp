// The product kernel of sm_90a of e4m3, whose stages are added up outside the units.
#include "../matmul_sm90a.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

template <class Out>
using of_e4m3 = product_of<e4m3, Out>;

TEST_CASE("products, ragged in every direction") {
  check_sm90a_matmul<of_e4m3<float>>(1, 8, 8, false);
  check_sm90a_matmul<of_e4m3<float>>(3, 9, 1, false);
  check_sm90a_matmul<of_e4m3<float>>(33, 40, 71, true, 3);
  check_sm90a_matmul<of_e4m3<bf16>>(129, 131, 930, true);
  check_sm90a_matmul<of_e4m3<bf16>>(5, 260, 128, false, 5);
}

TEST_CASE("every break of the product kernel shows") {
  matmul_case<of_e4m3<float>> c(40, 70, 990, true);  // eight stages of the depth where shared memory holds six
  check_sm90a_matmul_breaks(c, 7);
}

}  // namespace
