// The attention kernel of gfx1100, executed (../attention_runs.hpp), and every break of it (../attention_breaks.hpp).
#include "../attention_breaks.hpp"
#include "../attention_runs.hpp"

namespace {

using namespace tenon::testing;
using tenon::gfx1100;

TEST_CASE("causal, ragged, grouped heads") { check_attention_of_heads<gfx1100>(); }
TEST_CASE("masks and scores") { check_attention_of_policies<gfx1100>(); }
TEST_CASE("rows that see nothing are zero") { check_attention_of_blind_rows<gfx1100>(); }
TEST_CASE("fp32 out; f16; sinks, read from global memory") { check_attention_of_numbers<gfx1100>(); }
TEST_CASE("every break of the attention kernel shows") {
  const break_row own[] = {{"weights of the other half of the wave left out", {mutation::skip_packed_shuffle}}};
  check_attention_breaks<gfx1100>(own);
}

}  // namespace
