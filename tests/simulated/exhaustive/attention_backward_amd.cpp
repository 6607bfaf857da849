// The kernels of attention's gradients for AMD's GPUs on problems of every kind, and with one thing broken at a time.
#include "../attention_backward_problems.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

TEST_CASE("masks, scores, weightings, groups, lengths") { check_all_backward<gfx942>(); }

TEST_CASE_TEMPLATE("heads of 64 on AMD's other machines", Arch, gfx90a, gfx1100, gfx1201) { check_backward<Arch>(backward_case<tenon_test::back_causal_64>({1, 2, 2, 75, 140}, {})); }

TEST_CASE("after the forward kernel") { check_after_forward<gfx942>(); }

TEST_CASE("every break of the gradients' kernels shows") {
  const break_row own[] = {{"sums exchanged in the 14th product", {swap_sums, 13}},
                           {"sums begun anew in the 14th product", {first_for_all, 13}},
                           {"the shuffle of 1 left out", {skip_shuffle, 1}},
                           {"the shuffle of 4 left out", {skip_shuffle, 4}},
                           {"the shuffle of 1 with the wrong lane", {wrong_shuffle, 1}}};
  check_backward_breaks<gfx942>(own);
}

}  // namespace
