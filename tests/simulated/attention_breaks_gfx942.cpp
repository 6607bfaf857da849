// Every break of the attention kernel of gfx942 shows (attention_breaks.hpp).
#include "attention_breaks.hpp"

namespace {

TEST_CASE("every break of the attention kernel shows") { tenon::testing::check_attention_breaks<tenon::gfx942>({}); }

}  // namespace
