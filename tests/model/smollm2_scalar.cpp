// The floor: SmolLM2 in fp32 on the machine of plain C++ gives transformers' greedy tokens.
#include "../support/real_model.hpp"
#include "../support/smollm2_answers.hpp"

TEST_CASE("SmolLM2 in fp32 on the scalar machine gives transformers' greedy tokens") {
  const std::string path = tenon_test::real_model();
  if (path.empty()) return;
  const auto model = tenon::load<tenon::decoder<tenon_test::smollm2_fp32>>(path, tenon::cpu_scalar());
  tenon_test::answers_as_transformers(model, 0, 32);
  tenon_test::answers_as_transformers(model, 3, 64);
}
