#pragma once
// The vocabulary in the metadata of a GGUF file: the keys tokenizer.ggml.*.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <tenon/core/fault.hpp>
#include <tenon/model/weights/in_quotes.hpp>
#include <tenon/model/weights/metadata.hpp>
#include <tenon/text/pre_tokenizer.hpp>
#include <tenon/text/vocabulary.hpp>

namespace tenon {

/// Whether `facts` hold a vocabulary. A safetensors folder has it in tokenizer.json.
inline bool has_vocabulary(const metadata& facts) { return facts.has("tokenizer.ggml.tokens"); }

/// Throws tenon::error when there is none, it is not a byte-level BPE ('gpt2'), or its lists do not fit each other.
inline vocabulary read_vocabulary(const metadata& facts) {
  const auto model = facts.text("tokenizer.ggml.model");
  if (!model || !has_vocabulary(facts)) throw error("the file has no tokenizer. Fix: a GGUF file with tokenizer.ggml.* keys, or a folder with tokenizer.json.");
  if (*model != "gpt2")
    throw error("the file's tokenizer is of the kind ", detail::in_quotes(*model), "; tenon reads byte-level BPE, 'gpt2' in GGUF. Fix: a model of the Llama 3, Qwen2 or SmolLM family.");
  const auto tokens = facts.texts("tokenizer.ggml.tokens");
  const auto kinds = facts.integers("tokenizer.ggml.token_type");
  if (!kinds.empty() && kinds.size() != tokens.size())
    throw error("the file has ", tokens.size(), " tokens and ", kinds.size(), " token types. Fix: convert the model again.");

  vocabulary out;
  const auto pre = facts.text("tokenizer.ggml.pre");
  if (!pre) throw error("the file does not say how its tokenizer splits text (no tokenizer.ggml.pre). Fix: convert the model again with a current tool.");
  out.style = *pre;
  const auto& style = find_style(out.style);
  out.form = style.form;
  out.merged = style.merged;
  enum : std::int64_t { control = 3, user_defined = 4, unused = 5 };
  out.pieces.resize(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::int64_t kind = kinds.empty() ? 1 : kinds[i];
    if (kind == control || kind == user_defined)
      out.added.push_back({.token = static_cast<std::int32_t>(i), .text = std::string(tokens[i]), .control = kind == control});
    else if (kind != unused)
      out.pieces[i] = tokens[i];
  }
  for (const std::string_view merge : facts.texts("tokenizer.ggml.merges")) {
    const auto space = merge.find(' ');
    if (space == std::string_view::npos) throw error("the file has the merge ", detail::in_quotes(merge), ", which is not two pieces. Fix: convert the model again.");
    out.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  const auto token = [&](const char* key) {
    const auto id = facts.integer(key).value_or(-1);
    if (id > std::numeric_limits<std::int32_t>::max() || id < -1) throw error("the file's ", key, " is ", id, ". Fix: convert the model again.");
    return static_cast<std::int32_t>(id);
  };
  out.bos = token("tokenizer.ggml.bos_token_id");
  out.add_bos = facts.flag("tokenizer.ggml.add_bos_token").value_or(style.begins == pre_tokenizer_style::beginning::bos);
  // Models end an answer, a turn or a message to a tool: after each of them nothing more follows.
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"})
    if (const auto id = token(key); id >= 0 && std::find(out.ends.begin(), out.ends.end(), id) == out.ends.end()) out.ends.push_back(id);
  add_known_ends(out);
  out.chat_template = facts.text("tokenizer.chat_template").value_or("");
  return out;
}

}  // namespace tenon
