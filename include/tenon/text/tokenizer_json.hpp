#pragma once
// Reads the vocabulary of a tokenizer.json, the file that the `tokenizers` library writes.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <tenon/core/fault.hpp>
#include <tenon/text/pre_tokenizer.hpp>
#include <tenon/text/vocabulary.hpp>

namespace tenon {

namespace detail::json_reader {

using nlohmann::json;

[[noreturn]] inline void refuse_json(const std::string& what) {
  throw error("tokenizer.json ", what, ". Fix: a byte-level BPE tokenizer of the GPT-2, Llama 3, Qwen2 or SmolLM family.");
}

// A field that may be missing or null, which mean the same in this format.
inline const json& field(const json& object, const char* name) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto it = object.find(name);
  return it == object.end() ? nothing : *it;
}
inline std::string text_of(const json& value) { return value.is_string() ? value.get<std::string>() : std::string(); }
inline bool is_on(const json& value) { return value.is_boolean() && value.get<bool>(); }

inline std::int32_t token_of(const json& value) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max()))
    refuse_json("has the token " + value.dump().substr(0, 40) + " where a number from 0 to 2^31 - 1 belongs");
  return value.get<std::int32_t>();
}

// The steps of a Sequence, or the one step.
inline std::vector<const json*> steps(const json& step, const char* members) {
  std::vector<const json*> out;
  if (step.is_null()) return out;
  if (text_of(field(step, "type")) != "Sequence") return {&step};
  for (const auto& member : field(step, members)) out.push_back(&member);
  return out;
}

// The patterns by which the file cuts text into words.
inline std::vector<std::string> word_patterns(const json& file) {
  std::vector<std::string> out;
  bool bytes = false;
  for (const json* step : steps(field(file, "pre_tokenizer"), "pretokenizers")) {
    const std::string type = text_of(field(*step, "type"));
    if (bytes) refuse_json("splits text again after ByteLevel");
    if (type == "Digits" && is_on(field(*step, "individual_digits"))) {
      out.emplace_back(R"(\p{N})");
    } else if (type == "Split" && text_of(field(*step, "behavior")) == "Isolated" && !is_on(field(*step, "invert"))) {
      out.push_back(text_of(field(field(*step, "pattern"), "Regex")));
    } else if (type == "ByteLevel" && !is_on(field(*step, "add_prefix_space"))) {
      const json& regex = field(*step, "use_regex");  // on where not said
      if (regex.is_null() || is_on(regex)) out.emplace_back(styles::gpt2_words);
      bytes = true;
    } else {
      refuse_json("splits text by '" + type.substr(0, 40) + "' in a way that tenon does not");
    }
  }
  if (!bytes) refuse_json("does not work on bytes (its pre_tokenizer has no ByteLevel)");
  return out;
}

// How the file treats text before it merges bytes. Patterns are matched with those of the known families, not interpreted: the dialects
// of regular expressions differ, and these have been compared.
inline void read_rules(const json& file, vocabulary& out) {
  const auto patterns = word_patterns(file);
  for (const auto& style : styles::all) {
    bool same = patterns.size() <= style.patterns.size();
    for (std::size_t i = 0; i < style.patterns.size(); ++i) same = same && style.patterns[i] == (i < patterns.size() ? std::string_view(patterns[i]) : "");
    if (same) out.style = std::string(style.aliases[0]);
  }
  if (out.style.empty()) refuse_json("splits text by patterns of no family that tenon knows: '" + (patterns.empty() ? std::string() : patterns[0].substr(0, 80)) + "'");
  for (const json* step : steps(field(file, "normalizer"), "normalizers")) {
    if (text_of(field(*step, "type")) != "NFC") refuse_json("normalises text by '" + text_of(field(*step, "type")).substr(0, 40) + "'");
    out.form = normal_form::nfc;
  }
  if (is_on(field(field(file, "model"), "ignore_merges"))) out.merged = merging::unless_whole;
}

inline void read_model(const json& model, vocabulary& out) {
  if (text_of(field(model, "type")) != "BPE" && !(field(model, "type").is_null() && field(model, "merges").is_array()))
    refuse_json("has a model of type '" + text_of(field(model, "type")).substr(0, 40) + "'");
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!text_of(field(model, affix)).empty()) refuse_json(std::string("uses ") + affix);
  if (is_on(field(model, "byte_fallback"))) refuse_json("uses byte_fallback");
  const json& pieces = field(model, "vocab");
  if (!pieces.is_object() || pieces.empty()) refuse_json("has no model.vocab");
  out.pieces.resize(pieces.size());
  for (const auto& [piece, id] : pieces.items()) {
    const auto at = static_cast<std::size_t>(token_of(id));
    // Added tokens may lie between; their places are made below.
    if (at >= out.pieces.size() && at < 2 * pieces.size() + 4096) out.pieces.resize(at + 1);
    if (at >= out.pieces.size() || piece.empty() || !out.pieces[at].empty())
      refuse_json("gives the piece '" + piece.substr(0, 40) + "' a token that is far outside the vocabulary or taken: " + std::to_string(at));
    out.pieces[at] = piece;
  }
  for (const auto& merge : field(model, "merges")) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      out.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      continue;
    }
    const std::string both = text_of(merge);
    const auto space = both.find(' ');
    if (space == std::string::npos || both.find(' ', space + 1) != std::string::npos) refuse_json("has the merge '" + both.substr(0, 40) + "', which is not two pieces");
    out.merges.emplace_back(both.substr(0, space), both.substr(space + 1));
  }
  if (const auto unknown = text_of(field(model, "unk_token")); !unknown.empty() && pieces.contains(unknown)) {
    if (is_on(field(model, "fuse_unk"))) refuse_json("uses fuse_unk");
    out.unknown = token_of(pieces[unknown]);
  }
}

// Published files do not mark all of their control tokens as special: DeepSeek's <|User|> is not. In GGUF files these are control tokens.
inline bool looks_like_control(std::string_view text) {
  return (text.starts_with("<|") && text.ends_with("|>")) || (text.starts_with("<\uFF5C") && text.ends_with("\uFF5C>"));
}

inline void read_added(const json& tokens, vocabulary& out) {
  const std::size_t most = 2 * (out.pieces.size() + tokens.size()) + 4096;  // numbers may leave gaps, but not so large that memory runs out
  for (const auto& entry : tokens) {
    added_token added{.token = token_of(field(entry, "id")),
                      .text = text_of(field(entry, "content")),
                      .control = is_on(field(entry, "special")) || looks_like_control(text_of(field(entry, "content"))),
                      .normalized = is_on(field(entry, "normalized"))};
    for (const char* reach : {"lstrip", "rstrip", "single_word"})
      if (is_on(field(entry, reach))) refuse_json("has the added token '" + added.text.substr(0, 40) + "' with " + reach);
    const auto at = static_cast<std::size_t>(added.token);
    if (added.text.empty() || at >= most) refuse_json("has the added token '" + added.text.substr(0, 40) + "' as number " + std::to_string(at));
    if (at >= out.pieces.size()) out.pieces.resize(at + 1);
    if (!out.pieces[at].empty() && out.pieces[at] != added.text) refuse_json("gives the number " + std::to_string(at) + " to two tokens");
    out.added.push_back(std::move(added));
  }
}

}  // namespace detail::json_reader

/// The vocabulary in `text`, the content of a tokenizer.json. bos, ends and the chat template are not in that file: see tokenizer_folder.hpp.
/// Throws tenon::error when it is not JSON, is not a byte-level BPE, or uses a rule that tenon does not have.
inline vocabulary read_tokenizer_json(std::string_view text) {
  namespace part = detail::json_reader;
  try {
    const auto file = part::json::parse(text.begin(), text.end());
    vocabulary out;
    part::read_model(part::field(file, "model"), out);
    part::read_added(part::field(file, "added_tokens"), out);
    part::read_rules(file, out);
    return out;
  } catch (const part::json::exception& fault) {
    throw error("tokenizer.json is not readable: ", std::string_view(fault.what()).substr(0, 200), ". Fix: fetch the file again.");
  }
}

}  // namespace tenon
