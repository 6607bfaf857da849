// The kernels of attention's gradients for AMD's GPUs on problems of every kind, and with one thing broken at a time.
#include "../attention_backward_problems.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

TEST_CASE("masks, scores, weightings, groups, lengths") { check_all_backward<gfx942>(); }

TEST_CASE_TEMPLATE("on AMD's other machines", Arch, gfx90a, gfx1100, gfx1201) {
  check_backward<Arch>(backward_case<tenon_test::back_causal_64>({1, 2, 2, 75, 140}, {}));
  check_backward<Arch>(backward_case<tenon_test::back_causal_128>({2, 1, 1, 75, 140}, {}));
}
TEST_CASE("heads of 128 on RDNA: whole tiles, ragged ones, more queries than keys, lengths") {
  for (const backward_sizes s : {backward_sizes{1, 1, 1, 1, 1}, {1, 1, 1, 64, 128}, {1, 1, 1, 140, 64}}) check_backward<gfx1100>(backward_case<tenon_test::back_causal_128>(s, {}));
  check_backward<gfx1100>(backward_case<tenon_test::back_causal_128>({3, 1, 1, 40, 150}, {}, {}, {}, {150, 64, 41}));
}

TEST_CASE("after the forward kernel") { check_after_forward<gfx942>(); }

TEST_CASE("every break of the gradients' kernels shows") {
  const break_row own[] = {{"sums exchanged in the 14th product", {swap_sums, 13}},
                           {"sums begun anew in the 14th product", {first_for_all, 13}},
                           {"the shuffle of 1 left out", {skip_shuffle, 1}},
                           {"the shuffle of 4 left out", {skip_shuffle, 4}},
                           {"the shuffle of 1 with the wrong lane", {wrong_shuffle, 1}}};
  check_backward_breaks<gfx942>(windowed_case(), own);
}

TEST_CASE("every break of what RDNA puts aside shows") {
  backward_case<tenon_test::back_causal_128> c({1, 1, 1, 70, 80}, {});
  const auto run = [&](slip wrong, int less_shared) {
    return caught_by<gfx1100>(wrong, [&](const auto& machine) {
      run_backward<kernels_of<gfx1100>::broken>(machine, c, c.arguments(), less_shared);
      return c.distance();
    });
  };
  REQUIRE(run({}, 0).empty());
  const break_row slips[] = {{"stores elsewhere in shared memory", {store_shared_elsewhere}},
                             {"loads from elsewhere in shared memory", {load_shared_elsewhere}},
                             {"the 1st barrier left out", {drop_barrier, 0}},
                             {"the right operand's registers exchanged", {swap_right}}};
  require_caught(slips, [&](const break_row& row) { return run(row.wrong, 0); });
  CHECK(!run({}, 32).empty());  // the last 16 are a row's padding
}

}  // namespace
