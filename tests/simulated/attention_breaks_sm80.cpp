// Every break of the attention kernel of sm_80 shows (attention_breaks.hpp).
#include "attention_breaks.hpp"

namespace {

using namespace tenon::testing;
using enum mutation;

TEST_CASE("every break of the attention kernel shows") {
  const break_row own[] = {
      {"the 4th barrier left out", {drop_barrier, 3}},
      {"the last commit left out", {drop_commit, 5}},
      {"the 9th copy left out", {drop_copy, 8}},
      {"the 1st copy of the last values left out", {drop_copy, 28}},
  };
  check_attention_breaks<tenon::sm80>(own);
}

}  // namespace
