// The product kernel of sm_80, executed, and every break of it (matmul_runs.hpp).
#include "matmul_runs.hpp"

namespace {

using namespace tenon::testing;
using enum mutation;

TEST_CASE("products, ragged in every direction") { check_ragged_matmul<tenon::sm80>(); }

/// In a tile of its own.
struct in_small_tiles : to_bf16 {
  static constexpr tenon::tuning::sm80::matmul_tile tile{64, 64, 2};
};
TEST_CASE("a tile that the problem names") {
  static_assert(kernels_of<tenon::sm80>::matmul<kernels_of<tenon::sm80>::leaf, in_small_tiles>::block_tokens == 64);
  check_matmul<tenon::sm80, in_small_tiles>(129, 131, 200, true);
}

TEST_CASE("numbers of 8, 16 and 32 bits") { check_matmul_of_numbers<tenon::sm80, tenon::f16, tenon::tf32, std::int8_t, tenon::e4m3>(); }

TEST_CASE("results of 8 bits") { check_quantising_matmul<tenon::sm80, std::int8_t>(); }

TEST_CASE("every break of the product kernel shows") {
  const break_row own[] = {
      {"the 1st wait left out", {drop_wait, 0}},
      {"the 3rd wait left out", {drop_wait, 2}},
      {"waits that leave one group more", {wait_early}},
      {"the 2nd commit left out", {drop_commit, 1}},
      {"the 1st copy left out", {drop_copy, 0}},
      {"zeros past the depth left out", {no_zero_fill}},
      {"the registers of matrix loads exchanged", {swap_loaded}},
      {"no swizzle", {no_swizzle}},
      {"the synchronisation between a warp's stores and loads left out", {drop_sync_warp, 0}},
      {"results stored elsewhere in shared memory", {store_shared_elsewhere}},
  };
  check_matmul_breaks<tenon::sm80>(own);
}

TEST_CASE("every break of results of 8 bits shows") {
  matmul_case<opened_by_gate<std::int8_t>> c(40, 70, 204, true);
  const break_row own[] = {{"the barrier between sums and rows left out", {drop_barrier, 3}}};  // behind one before the stages and one after each
  check_matmul_breaks<tenon::sm80>(c, slips_of_quantising, own);
}

}  // namespace
