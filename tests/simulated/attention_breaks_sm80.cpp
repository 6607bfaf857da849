// Every break of the attention kernel of sm_80 shows (attention_breaks.hpp).
#include "attention_breaks.hpp"

namespace {

using namespace tenon::testing;
using enum mutation;

TEST_CASE("every break of the attention kernel shows") {
  const break_row own[] = {
      {"the 4th barrier left out", {drop_barrier, 3}},
      {"the 1st wait left out", {drop_wait, 0}},
      {"the 2nd wait left out", {drop_wait, 1}},
      {"the 3rd wait left out", {drop_wait, 2}},
      {"waits that leave one group more", {wait_early}},
      {"the 1st commit left out", {drop_commit, 0}},
      {"the last commit left out", {drop_commit, 5}},
      {"the 1st copy left out", {drop_copy, 0}},
      {"the 9th copy left out", {drop_copy, 8}},
      {"the 1st copy of the last values left out", {drop_copy, 28}},
      {"copies to the neighbouring chunk", {copy_elsewhere}},
      {"copies from one number further", {copy_shifted}},
      {"copies from the next row", {copy_next_row}},
      {"the registers of matrix loads exchanged", {swap_loaded}},
      {"transposed loads for straight ones", {transpose_loaded}},
      {"the wrong swizzle in loads", {wrong_swizzle}},
      {"no swizzle", {no_swizzle}},
      {"the shuffle of 2 left out", {skip_shuffle, 2}},
      {"the synchronisation between a warp's stores and loads left out", {drop_sync_warp, 1}},
  };
  check_attention_breaks<tenon::sm80>(own);
}

}  // namespace
