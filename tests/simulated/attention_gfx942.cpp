// The attention kernel of gfx942, executed (attention_runs.hpp).
#include "attention_runs.hpp"

namespace {

using namespace tenon::testing;
using tenon::gfx942;

TEST_CASE("causal, ragged, grouped heads") { check_attention_of_heads<gfx942>(); }
TEST_CASE("masks and scores") { check_attention_of_policies<gfx942>(); }
TEST_CASE("rows that see nothing are zero") { check_attention_of_blind_rows<gfx942>(); }
TEST_CASE("fp32 out; f16; sinks, read from global memory") { check_attention_of_numbers<gfx942>(); }

}  // namespace
