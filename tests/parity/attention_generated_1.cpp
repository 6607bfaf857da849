// Generated variants of attention, part 1 of 4: tests/support/attention_generator.hpp.
#include "../support/attention_generator.hpp"

TEST_CASE("generated variants") { tenon::testing::run_all_generated<1000>(13, std::make_integer_sequence<unsigned, 39>()); }
