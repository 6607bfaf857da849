// The product kernel of sm_90a of e4m3, whose stages are added up outside the units.
#include "../matmul_runs.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

template <class Out>
using of_e4m3 = product_of<e4m3, Out>;

TEST_CASE("products, ragged in every direction") {
  check_matmul_of_numbers<sm90a, e4m3>();
  check_matmul<sm90a, of_e4m3<float>>(1, 8, 8, false);
  check_matmul<sm90a, of_e4m3<float>>(3, 9, 1, false);
  check_matmul<sm90a, of_e4m3<bf16>>(129, 131, 930, true);
  check_matmul<sm90a, of_e4m3<bf16>>(5, 260, 128, false, 5);
}

TEST_CASE("every break of the product kernel shows") {
  matmul_case<of_e4m3<float>> c(40, 70, 990, true);  // eight stages of the depth where shared memory holds six
  const break_row own[] = {{"the last wait for products left out", {mutation::drop_product_wait, 7}}};
  check_matmul_breaks<sm90a>(c, slips_of_boxes, own);
}

TEST_CASE("results of 8 bits, and every break of them") {
  check_quantising_matmul<sm90a, e4m3>();
  matmul_case<opened_by_gate<e4m3>> c(40, 70, 204, true);
  const break_row own[] = {{"the shuffle of 2 left out", {mutation::skip_shuffle, 2}}, {"results stored one access further", {mutation::store_elsewhere}}};
  check_matmul_breaks<sm90a>(c, own);
}

}  // namespace
