// The same weights as a published checkpoint (safetensors, two shards) and as GGUF with permuted rows: the same bits.
#include <tenon/model/weights/open.hpp>

#include "../support/tiny_checks.hpp"

using namespace tenon_test;

TEST_CASE("safetensors and GGUF of one model give equal logits") {
  const tenon::cpu machine;
  using decoder = tenon::decoder<tiny_llama>;
  const auto folder = tenon::load<decoder>(tenon::open_weights(tiny_file("llama")), machine);
  const auto file = tenon::load<decoder>(tenon::open_weights(tiny_file("llama.gguf")), machine);
  for (int number = 0; number < 3; ++number) {
    const auto logits = all_logits(folder, tiny_prompt(number), 50);
    CHECK(logits == all_logits(file, tiny_prompt(number), 50));
    CHECK(relative_l2(logits, load_npy<float>("tiny/llama_logits_" + std::to_string(number))) < 2e-6);
  }
}
