// The product kernel of gfx942, executed, for each of its numbers, and every break of it (matmul_runs.hpp).
#include "matmul_runs.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

TEST_CASE("products, ragged in every direction") { check_ragged_matmul<gfx942>(); }
TEST_CASE("products of f16, int8 and e4m3") { check_matmul_of_numbers<gfx942, f16, std::int8_t, e4m3>(); }

TEST_CASE("every break of the product kernel shows") {
  const break_row own[] = {{"operands loaded from elsewhere in shared memory", {load_shared_elsewhere}}};
  check_matmul_breaks<gfx942>(own);
}

}  // namespace
