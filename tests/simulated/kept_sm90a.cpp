// Attention of sm_90a over keys and values of 8 bits in both schedules, executed: the bits of attention over what these are as bf16, without a fault, whatever the
// order of warps and whenever copies and products land. Other numbers and widths: exhaustive/kept_sm90a.cpp.
#include <doctest/doctest.h>

#include "kept_sm90a_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("int8: lengths of their own with ragged ends, blocks that wait in every place of their ring; no bank conflicts") {
  using causal_64 = attention_problem<causal, scaled, 64>;
  check_kept<causal_64, int8_per_128>({{1, 2, 1, 20, 224}, {}});
  check_kept<causal_64, int8_per_128>({{2, 1, 1, 40, 700}, {}, {700, 141}});
}

}  // namespace
