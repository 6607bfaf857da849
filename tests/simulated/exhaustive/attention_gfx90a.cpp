// The attention kernel of gfx90a, executed (../attention_runs.hpp), and every break of it (../attention_breaks.hpp).
#include "../attention_breaks.hpp"
#include "../attention_runs.hpp"

namespace {

using namespace tenon::testing;
using tenon::gfx90a;

TEST_CASE("causal, ragged, grouped heads") { check_attention_of_heads<gfx90a>(); }
TEST_CASE("masks and scores") { check_attention_of_policies<gfx90a>(); }
TEST_CASE("rows that see nothing are zero") { check_attention_of_blind_rows<gfx90a>(); }
TEST_CASE("fp32 out; f16; sinks, read from global memory") { check_attention_of_numbers<gfx90a>(); }
TEST_CASE("every break of the attention kernel shows") { check_attention_breaks<gfx90a>({}); }

}  // namespace
