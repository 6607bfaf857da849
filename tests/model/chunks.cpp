// However a text is cut into calls, the logits are the same but for the order of sums.
#include "../support/tiny_checks.hpp"

using namespace tenon_test;

TEST_CASE("one block, chunks of any size, token by token: the same logits") { chunks_agree(tenon::cpu()); }

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

TEST_CASE("what a sequence cannot read is refused, and the sequence stays as it was") {
  const auto model = tenon::load<tenon::decoder<tiny_llama>>(tiny_file("llama.gguf"), tenon::cpu());
  using tokens = std::vector<std::int32_t>;
  tenon::sequence sequence(model, 8);
  const auto first = sequence.read(tokens{5, 6, 7});
  const std::vector<float> before(first.begin(), first.end());
  const auto says = [&](const tokens& given) {
    try {
      sequence.read(given);
    } catch (const tenon::error& fault) {
      return std::string(fault.what());
    }
    return std::string("nothing");
  };
  CHECK(says({}) == "a sequence was given no tokens to read. Fix: give at least one.");
  CHECK(says({1, 288}).find("token 288 is outside the vocabulary of 288") != std::string::npos);
  CHECK(says({-1}).find("token -1 is outside the vocabulary") != std::string::npos);
  CHECK(says(tokens(6, 1)).find("the cache has room for 8 tokens: 3 are taken and 6 more do not fit") != std::string::npos);
  CHECK(sequence.length() == 3);
  std::vector<float> out(288);
  CHECK_THROWS_AS(sequence.read(tokens{1, 2}, tenon::view<float, 2>(out.data(), 1, 288)), tenon::error);
  CHECK_THROWS_AS((tenon::sequence(model, 0)), tenon::error);

  sequence.truncate(0);
  const auto again = sequence.read(tokens{5, 6, 7});
  CHECK(std::vector<float>(again.begin(), again.end()) == before);
  CHECK(says(tokens(5, 1)) == "nothing");  // exactly full
  CHECK(says({1}).find("8 are taken and 1 more do not fit") != std::string::npos);
}
