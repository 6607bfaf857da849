// Vocabularies that lie: each is one sentence, and no crash.

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <tenon/text/gguf_vocabulary.hpp>
#include <tenon/text/tokenizer.hpp>
#include <tenon/text/tokenizer_json.hpp>

#include "samples.hpp"

namespace {

using nlohmann::json;

std::string fault_of(const std::string& text) {
  try {
    const tenon::tokenizer tokens(tenon::read_tokenizer_json(text));
    return "accepted";
  } catch (const tenon::error& fault) {
    return fault.what();
  }
}

// The Qwen2 sample with one thing changed.
template <class Change>
std::string changed(Change&& change) {
  static const json whole = json::parse(samples::read("qwen2.json"));
  json copy = whole;
  change(copy);
  return fault_of(copy.dump());
}

tenon::metadata facts() {
  tenon::metadata out("a test");
  out.set_text("tokenizer.ggml.model", "gpt2");
  out.set_text("tokenizer.ggml.pre", "gpt-2");
  out.set_texts("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "ab", "<end>"});
  out.set_integers("tokenizer.ggml.token_type", std::vector<std::int64_t>{1, 1, 1, 3});
  out.set_texts("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
  out.set_integer("tokenizer.ggml.eos_token_id", 3);
  return out;
}

template <class Change>
std::string changed_facts(Change&& change) {
  auto copy = facts();
  change(copy);
  try {
    const tenon::tokenizer tokens(tenon::read_vocabulary(copy));
    return "accepted";
  } catch (const tenon::error& fault) {
    return fault.what();
  }
}

}  // namespace

TEST_CASE("tokenizer.json: what is not one, or not of a known kind") {
  CHECK(changed([](json&) {}) == "accepted");
  for (const char* text : {"", "{", "[]", "null", "7", "\"x\"", "{}", "{\"model\":{}}", "{\"model\":[1]}", "\xFF\xFE", "{\"model\":{\"type\":\"BPE\",\"vocab\":{}}}",
                           "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}"}) {
    CAPTURE(text);
    CHECK(fault_of(text).find("tokenizer.json") == 0);
  }
  CHECK(fault_of(std::string(100'000, '[')).find("not readable") != std::string::npos);

  const auto says = [](const std::string& fault, const char* words) {
    CAPTURE(fault);
    CHECK(fault.find(words) != std::string::npos);
    CHECK(fault.find("Fix: ") != std::string::npos);
  };
  says(changed([](json& j) { j["model"]["type"] = "WordPiece"; }), "WordPiece");
  says(changed([](json& j) { j["model"]["byte_fallback"] = true; }), "byte_fallback");
  says(changed([](json& j) { j["model"]["end_of_word_suffix"] = "</w>"; }), "end_of_word_suffix");
  says(changed([](json& j) { j["model"]["vocab"]["a"] = -1; }), "-1");
  says(changed([](json& j) { j["model"]["vocab"]["a"] = 4e18; }), "where a number");
  says(changed([](json& j) { j["model"]["vocab"]["a"] = 2147483647; }), "2147483647");
  says(changed([](json& j) { j["model"]["vocab"]["a"] = j["model"]["vocab"]["b"]; }), "taken");
  says(changed([](json& j) { j["model"]["vocab"].erase("a"); }), "needs the piece 'a'");
  says(changed([](json& j) { j["model"]["merges"].push_back("a"); }), "not two pieces");
  says(changed([](json& j) { j["model"]["merges"].push_back({"a", 1}); }), "not two pieces");
  says(changed([](json& j) { j["model"]["merges"].push_back("q z"); }), "'qz'");
  says(changed([](json& j) { j["added_tokens"][0]["id"] = 1u << 30; }), "<|endoftext|>");
  says(changed([](json& j) { j["added_tokens"][0]["id"] = 5; }), "two tokens");
  says(changed([](json& j) { j["added_tokens"][0]["lstrip"] = true; }), "lstrip");
  says(changed([](json& j) { j["added_tokens"][0]["content"] = ""; }), "added token");
  says(changed([](json& j) { j["normalizer"]["type"] = "NFKC"; }), "NFKC");
  CHECK(changed([](json& j) { j["normalizer"] = nullptr; }) == "accepted");  // Qwen2's words without its normal form
  says(changed([](json& j) { j["pre_tokenizer"] = nullptr; }), "bytes");
  says(changed([](json& j) { j["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(a+)+b"; }), "no family");
  says(changed([](json& j) { j["pre_tokenizer"]["pretokenizers"][0]["type"] = "Metaspace"; }), "Metaspace");
  says(changed([](json& j) { j["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"] = true; }), "ByteLevel");
}

TEST_CASE("what looks like a control token is one, whatever the file says; ends are known by their text") {
  auto file = json::parse(samples::read("qwen2.json"));
  for (auto& added : file["added_tokens"]) added["special"] = false;
  auto words = tenon::read_tokenizer_json(file.dump());
  tenon::add_known_ends(words);
  const tenon::tokenizer tokens(words);
  CHECK(tokens.is_control(tokens.find("<|im_end|>")));
  CHECK_FALSE(tokens.is_control(tokens.find("<think>")));
  CHECK(tokens.is_end(tokens.find("<|im_end|>")));
  CHECK(tokens.is_end(tokens.find("<|endoftext|>")));
  CHECK(tokens.ends().size() == 2);
}

TEST_CASE("a token that stands for every unknown byte") {
  // Published for some models: a byte without a piece becomes that token instead of nothing.
  auto unknown = json::parse(samples::read("gpt2.json"));
  unknown["model"]["vocab"].erase("\u0104");  // byte 4; its number stays free
  unknown["model"]["unk_token"] = "b";
  const tenon::tokenizer tokens(tenon::read_tokenizer_json(unknown.dump()));
  CHECK_FALSE(tokens.lossless());
  CHECK(tokens.encode("\x04") == tokens.encode("b"));
  unknown["model"]["unk_token"] = nullptr;
  CHECK(tenon::tokenizer(tenon::read_tokenizer_json(unknown.dump())).encode("\x04").empty());
}

TEST_CASE("GGUF: missing, mismatched and absurd facts") {
  using tenon::metadata;
  CHECK(changed_facts([](metadata&) {}) == "accepted");
  const auto says = [](const std::string& fault, const char* words) {
    CAPTURE(fault);
    CHECK(fault.find(words) != std::string::npos);
    CHECK(fault.find("Fix: ") != std::string::npos);
  };
  says(changed_facts([](metadata& m) { m = metadata("nothing"); }), "no tokenizer");
  says(changed_facts([](metadata& m) { m.set_text("tokenizer.ggml.model", "llama"); }), "'llama'");
  says(changed_facts([](metadata& m) { m.set_text("tokenizer.ggml.pre", "\x1b[31mtekken"); }), "tekken");
  says(changed_facts([](metadata& m) { m.set_text("tokenizer.ggml.tokens", "one"); }), "token types");
  says(changed_facts([](metadata& m) { m.set_texts("tokenizer.ggml.tokens", std::vector<std::string>{}); }), "token types");
  says(changed_facts([](metadata& m) { m.set_texts("tokenizer.ggml.tokens", std::vector<std::string>{"a", "a", "ab", "<end>"}); }), "twice");
  says(changed_facts([](metadata& m) { m.set_integers("tokenizer.ggml.token_type", std::vector<std::int64_t>{1}); }), "1 token types");
  says(changed_facts([](metadata& m) { m.set_texts("tokenizer.ggml.merges", std::vector<std::string>{"ab"}); }), "not two pieces");
  says(changed_facts([](metadata& m) { m.set_texts("tokenizer.ggml.merges", std::vector<std::string>{"b a"}); }), "'ba'");
  says(changed_facts([](metadata& m) { m.set_integer("tokenizer.ggml.eos_token_id", 4); }), "token 4");
  says(changed_facts([](metadata& m) { m.set_integer("tokenizer.ggml.bos_token_id", std::int64_t{1} << 40); }), "1099511627776");
  says(changed_facts([](metadata& m) { m.set_integer("tokenizer.ggml.eos_token_id", -5); }), "-5");
  says(changed_facts([](metadata& m) { m.set_text("tokenizer.ggml.eos_token_id", "x"); }), "eos_token_id");
}
