// The kernels of attention's gradients for sm_80 on problems of every kind, and with one thing broken at a time.
#include <tenon/kernels/launch/nvidia/attention.hpp>
#include <tenon/kernels/launch/nvidia/attention_backward.hpp>

#include "../attention_backward_problems.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

struct walks {
  template <class Leaf, class Problem>
  using keys = nvidia_attention_backward_keys<Leaf, Problem>;
  template <class Leaf, class Problem>
  using rows = nvidia_attention_backward_rows<Leaf, Problem>;
};

TEST_CASE("masks, scores, weightings, groups, lengths") { check_all_backward<sm80, walks>(); }

TEST_CASE("after the forward kernel") { check_after_forward<sm80, walks, nvidia_attention>(); }

TEST_CASE("every break of the gradients' kernels shows") {
  constexpr break_row slips[] = {
      {"the 1st barrier left out", {drop_barrier, 0}},
      {"the 2nd barrier left out", {drop_barrier, 1}},
      {"the 3rd barrier left out", {drop_barrier, 2}},
      {"a barrier left out by one warp", {drop_barrier_once, 1}},
      {"a barrier too many in one warp", {extra_barrier, 1}},
      {"the 1st wait left out", {drop_wait, 0}},
      {"the 2nd wait left out", {drop_wait, 1}},
      {"the 3rd wait left out", {drop_wait, 2}},
      {"waits that leave one group more", {wait_early}},
      {"the 1st commit left out", {drop_commit, 0}},
      {"the 2nd commit left out", {drop_commit, 1}},
      {"the 1st copy left out", {drop_copy, 0}},
      {"the 5th copy left out", {drop_copy, 4}},
      {"the 18th copy left out", {drop_copy, 17}},
      {"sums exchanged in the 30th product", {swap_sums, 29}},
      {"sums begun anew in the 90th product", {first_for_all, 89}},
      {"the shuffle of 4 left out", {skip_shuffle, 4}},
      {"the synchronisation between a warp's stores and loads left out", {drop_sync_warp, 1}},
  };
  backward_bench<sm80, walks, mutating_sm80> bench;
  bench.require_all_caught(slips);
  require_caught(slips_of_sm80, [&](const break_row& row) { return bench.run(row.wrong, 0, [](auto&) {}); });
}

}  // namespace
