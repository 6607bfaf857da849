// The product kernel of gfx1100, executed, for each of its numbers, and every break of it (../matmul_runs.hpp).
#include "../matmul_runs.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

TEST_CASE("products, ragged in every direction") { check_ragged_matmul<gfx1100>(); }
TEST_CASE("products of numbers beside bf16") { check_matmul_of_numbers<gfx1100, f16, std::int8_t>(); }

TEST_CASE("results of 8 bits") { check_quantising_matmul<gfx1100, std::int8_t>(); }

TEST_CASE("every break of the product kernel shows") {
  const break_row own[] = {{"operands loaded from elsewhere in shared memory", {load_shared_elsewhere}}};
  check_matmul_breaks<gfx1100>(own);
}

TEST_CASE("every break of results of 8 bits shows") {
  matmul_case<product_of<std::int8_t, std::int8_t>> c(70, 70, 204, true);
  const break_row own[] = {{"the barrier between sums and rows left out", {drop_barrier, 4}}, {"that before the next rows left out", {drop_barrier, 5}}};
  check_matmul_breaks<gfx1100>(c, slips_of_quantising, own);
}

}  // namespace
