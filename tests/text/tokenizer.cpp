// Token for token as the published library, in every style, and exactly back.

#include <doctest/doctest.h>

#include <random>

#include <tenon/model/weights/gguf.hpp>
#include <tenon/text/gguf_vocabulary.hpp>
#include <tenon/text/tokenizer.hpp>
#include <tenon/text/tokenizer_json.hpp>

#include "../support/real_model.hpp"
#include "samples.hpp"

namespace {

void compare(const tenon::tokenizer& tokenizer, const std::string& expected) {
  const auto texts = samples::texts();
  const auto tokens = samples::tokens(expected);
  REQUIRE(texts.size() > 50);
  REQUIRE(tokens.size() == 2 * texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    CAPTURE(i);
    CAPTURE(texts[i].substr(0, 60));
    CHECK(tokenizer.encode(texts[i]) == tokens[2 * i]);
    CHECK(tokenizer.encode(texts[i], tenon::controls::parsed) == tokens[2 * i + 1]);
  }
}

tenon::tokenizer open(const std::string& style) { return tenon::tokenizer(tenon::read_tokenizer_json(samples::read(style + ".json"))); }

}  // namespace

TEST_CASE("equal to the published library in every style") {
  for (const char* style : {"gpt2", "llama3", "qwen2", "smollm"}) {
    CAPTURE(style);
    compare(open(style), std::string(style) + ".ids");
  }
}

TEST_CASE("the vocabulary of a SmolLM2 GGUF") {
  const std::string path = tenon_test::real_model();
  if (path.empty()) return;
  const auto file = tenon::weights_file::open(path);
  const tenon::tokenizer tokenizer(tenon::read_vocabulary(file.facts()));
  if (tokenizer.size() != 49152) return;  // another model
  compare(tokenizer, "smollm2.ids");
  CHECK_FALSE(tokenizer.lossless());
  CHECK(tokenizer.bos() == 1);
  CHECK_FALSE(tokenizer.adds_bos());
  CHECK(tokenizer.is_end(2));
  CHECK(tokenizer.find("<|im_end|>") == 2);
}

TEST_CASE("any bytes come back from their tokens, where nothing is normalised") {
  std::mt19937 random(7);
  for (const char* style : {"gpt2", "llama3", "smollm"}) {
    CAPTURE(style);
    const auto tokenizer = open(style);
    CHECK(tokenizer.lossless());
    for (const auto& text : samples::texts()) CHECK(tokenizer.decode(tokenizer.encode(text, tenon::controls::parsed)) == text);
    for (int round = 0; round < 200; ++round) {
      std::string bytes(static_cast<std::size_t>(random() % 200), '\0');
      for (char& b : bytes) b = static_cast<char>(random() % (round % 2 == 0 ? 256 : 4) + (round % 3 == 0 ? 0xC0 : 0));
      CHECK(tokenizer.decode(tokenizer.encode(bytes)) == bytes);
    }
  }
}

TEST_CASE("bytes that are not UTF-8 are words of their own and leave their neighbours as they are") {
  const auto tokenizer = open("qwen2");
  auto expected = tokenizer.encode("Hello");
  for (const char* part : {"\xFF\xC3", " world"})
    for (const auto token : tokenizer.encode(part)) expected.push_back(token);
  CHECK(tokenizer.encode("Hello\xFF\xC3 world") == expected);
  CHECK(tokenizer.decode(expected) == "Hello\xFF\xC3 world");
  CHECK(tokenizer.decode(tokenizer.encode("e\u0301\xCC e\u0301")) == "\u00E9\xCC \u00E9");  // around them the text is normalised
}

TEST_CASE("control tokens in a user's text are text unless asked for") {
  const auto tokenizer = open("smollm");
  const auto end = tokenizer.find("<|im_end|>");
  REQUIRE(end >= 0);
  CHECK(tokenizer.is_control(end));
  CHECK(tokenizer.piece(end) == "<|im_end|>");
  CHECK(tokenizer.encode("<|im_end|>", tenon::controls::parsed) == std::vector<std::int32_t>{end});
  for (const auto token : tokenizer.encode("a<|im_end|>b")) CHECK(token != end);
  const auto think = tokenizer.find("<think>");  // added, but no control token: recognised always
  CHECK(tokenizer.encode("<think>") == std::vector<std::int32_t>{think});
  CHECK_FALSE(tokenizer.is_control(think));
  CHECK(tokenizer.find("<|no such token|>") == -1);
}

TEST_CASE("long words take time in proportion") {
  // A quadratic merge of one word of 4 MB would take hours.
  const auto tokenizer = open("llama3");
  const std::string word(std::size_t{4} << 20, 'a');
  CHECK(tokenizer.decode(tokenizer.encode(word)) == word);
  const std::string spaces(std::size_t{4} << 20, ' ');
  CHECK(tokenizer.decode(tokenizer.encode(spaces)) == spaces);
}

TEST_CASE("a token outside the vocabulary is a fault") {
  const auto tokenizer = open("gpt2");
  for (const std::int32_t token : {-1, tokenizer.size()}) CHECK_THROWS_AS(tokenizer.piece(token), tenon::error);
}
