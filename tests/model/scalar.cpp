// The floor: whole models on the machine of plain C++. Its kernels differ from those of every other machine.
#include "../support/real_model.hpp"
#include "../support/smollm2_answers.hpp"
#include "../support/tiny_checks.hpp"

TEST_CASE("scalar machine: logits and greedy tokens are those of transformers") { tenon_test::tiny_models_agree(tenon::cpu_scalar()); }

TEST_CASE("scalar machine: one block, chunks of any size, token by token") { tenon_test::chunks_agree(tenon::cpu_scalar()); }

TEST_CASE("SmolLM2 in fp32 on the scalar machine gives transformers' greedy tokens") {
  const std::string path = tenon_test::real_model();
  if (path.empty()) return;
  const auto model = tenon::load<tenon::decoder<tenon_test::smollm2_fp32>>(path, tenon::cpu_scalar());
  tenon_test::answers_as_transformers(model, 0, 32);
  tenon_test::answers_as_transformers(model, 3, 64);
}
