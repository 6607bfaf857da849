// The kernels of attention's gradients for sm_80 on problems of every kind, and with one thing broken at a time.
#include "../attention_backward_problems.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

TEST_CASE("masks, scores, weightings, groups, lengths") { check_all_backward<sm80>(); }

TEST_CASE("after the forward kernel") { check_after_forward<sm80>(); }

TEST_CASE("every break of the gradients' kernels shows") {
  std::vector<break_row> own(std::begin(slips_of_copies), std::end(slips_of_copies));
  own.insert(own.end(), {{"the 2nd commit left out", {drop_commit, 1}},
                         {"the 5th copy left out", {drop_copy, 4}},
                         {"the 18th copy left out", {drop_copy, 17}},
                         {"sums exchanged in the 30th product", {swap_sums, 29}},
                         {"sums begun anew in the 90th product", {first_for_all, 89}},
                         {"the shuffle of 4 left out", {skip_shuffle, 4}}});
  check_backward_breaks<sm80>(windowed_case(), own);
}

}  // namespace
