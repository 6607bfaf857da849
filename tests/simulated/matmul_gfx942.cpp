// The product kernel of gfx942, executed, for each of its numbers, and every break of it (matmul_runs.hpp).
#include "matmul_runs.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

TEST_CASE("products, ragged in every direction") { check_ragged_matmul<gfx942>(); }
/// In a tile of its own.
struct in_small_tiles : to_bf16 {
  static constexpr tuning::amd::matmul_tile tile{64, 64, 128};
};
TEST_CASE("a tile that the problem names") {
  static_assert(kernels_of<gfx942>::matmul<kernels_of<gfx942>::leaf, in_small_tiles>::block_tokens == 64);
  check_matmul<gfx942, in_small_tiles>(129, 131, 200, true);
}
TEST_CASE("products of f16, int8 and e4m3") { check_matmul_of_numbers<gfx942, f16, std::int8_t, e4m3>(); }

TEST_CASE("results of 8 bits") { check_quantising_matmul<gfx942, std::int8_t>(); }

TEST_CASE("every break of the product kernel shows") {
  const break_row own[] = {{"operands loaded from elsewhere in shared memory", {load_shared_elsewhere}}};
  check_matmul_breaks<gfx942>(own);
}

TEST_CASE("every break of results of 8 bits shows") {
  matmul_case<product_of<std::int8_t, std::int8_t>> c(70, 70, 204, true);
  const break_row own[] = {{"the barrier between sums and rows left out", {drop_barrier, 4}}, {"that before the next rows left out", {drop_barrier, 5}}};
  check_matmul_breaks<gfx942>(c, slips_of_quantising, own);
}

}  // namespace
