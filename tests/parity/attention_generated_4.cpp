// Generated variants of attention, part 4 of 4: tests/support/attention_generator.hpp.
#include "../support/attention_generator.hpp"

TEST_CASE("generated variants") { tenon::testing::run_all_generated<4000>(13, std::make_integer_sequence<unsigned, 39>()); }
