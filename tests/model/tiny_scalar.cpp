// The same whole models on the machine of plain C++, which is the floor under every other.
#include "../support/tiny_checks.hpp"

TEST_CASE("scalar machine: logits and greedy tokens are those of transformers") { tenon_test::tiny_models_agree(tenon::cpu_scalar()); }
TEST_CASE("scalar machine: one block, chunks of any size, token by token") { tenon_test::chunks_agree(tenon::cpu_scalar()); }
