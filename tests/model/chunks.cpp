// However a text is cut into calls, the logits are the same but for the order of sums.
#include <doctest/doctest.h>

#include <random>

#include "../support/distance.hpp"
#include "../support/tiny_models.hpp"

using namespace tenon_test;

namespace {

std::vector<std::int32_t> random_tokens(std::size_t count) {
  std::mt19937 engine(3);
  std::vector<std::int32_t> tokens(count);
  for (auto& token : tokens) token = static_cast<std::int32_t>(engine() % 288);
  return tokens;
}

}  // namespace

TEST_CASE_TEMPLATE("one block, chunks of any size, token by token: the same logits", Machine, tenon::cpu_scalar, tenon::cpu) {
  const auto model = tenon::load<tenon::decoder<tiny_llama>>(tiny_file("llama.gguf"), Machine());
  const auto tokens = random_tokens(150);
  const auto whole = all_logits(model, tokens, tokens.size());
  for (const std::size_t chunk : {1, 2, 3, 5, 7, 16, 17, 31, 64, 100, 149}) {
    CAPTURE(chunk);
    CHECK(relative_l2(all_logits(model, tokens, chunk), whole) < 1e-5);
  }
}

TEST_CASE("a prompt longer than one block of the arena") {
  const auto model = tenon::load<tenon::decoder<tiny_qwen2>>(tiny_file("qwen2.gguf"), tenon::cpu());
  const auto tokens = random_tokens(static_cast<std::size_t>(tenon::block_tokens) + 70);
  CHECK(relative_l2(all_logits(model, tokens, tokens.size()), all_logits(model, tokens, 1)) < 1e-5);
}

TEST_CASE("the last token's logits are the last of all tokens' logits") {
  const auto model = tenon::load<tenon::decoder<tiny_llama>>(tiny_file("llama.gguf"), tenon::cpu());
  const auto tokens = random_tokens(40);
  tenon::sequence sequence(model, 40);
  const auto last = sequence.read(tokens);
  const auto all = all_logits(model, tokens, tokens.size());
  CHECK(relative_l2(last, std::span(all).last(288)) < 1e-6);
}

TEST_CASE("a truncated sequence goes on as if the rest had never been read") {
  const auto model = tenon::load<tenon::decoder<tiny_llama>>(tiny_file("llama.gguf"), tenon::cpu());
  const auto tokens = random_tokens(60);
  const std::span<const std::int32_t> all = tokens;
  const auto read = [&](tenon::sequence<tenon::decoder<tiny_llama>, tenon::cpu>& sequence, std::size_t first, std::size_t count) {
    const auto logits = sequence.read(all.subspan(first, count));
    return std::vector<float>(logits.begin(), logits.end());
  };
  tenon::sequence kept(model, 64), changed(model, 64);
  read(kept, 0, 20);
  read(changed, 0, 20);
  read(changed, 40, 20);
  changed.truncate(20);
  CHECK(changed.length() == 20);
  CHECK(read(changed, 20, 13) == read(kept, 20, 13));
}
