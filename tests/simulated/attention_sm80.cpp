// The attention kernel of sm_80, executed (attention_runs.hpp).
#include "attention_runs.hpp"

namespace {

using namespace tenon::testing;
using tenon::sm80;

TEST_CASE("causal, ragged, grouped heads") { check_attention_of_heads<sm80>(); }
TEST_CASE("masks and scores") { check_attention_of_policies<sm80>(); }
TEST_CASE("rows that see nothing are zero") { check_attention_of_blind_rows<sm80>(); }
TEST_CASE("fp32 out; f16; sinks, read from global memory") { check_attention_of_numbers<sm80>(); }

}  // namespace
