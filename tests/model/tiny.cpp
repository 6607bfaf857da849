// Whole models against transformers in fp64, offline (tests/oracles/tiny.py), on the best machine of this processor.
#include "../support/tiny_checks.hpp"

TEST_CASE("logits and greedy tokens are those of transformers") { tenon_test::tiny_models_agree(tenon::cpu()); }
