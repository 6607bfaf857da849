#pragma once
// What a model file says about its tokens, in one form whichever file it came from.

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tenon {

/// A token whose text stands for itself and is recognised whole inside a text, before any merging.
struct added_token {
  std::int32_t token = -1;
  std::string text;
  bool control = true;      ///< marks turns and ends: recognised only where the caller of encode asks for it
  bool normalized = false;  ///< searched for in the normalised text, not in the text as given
};

/// Whether text is brought into a normal form first.
enum class normal_form : std::uint8_t { as_given, nfc };
/// Which words are merged from bytes.
enum class merging : std::uint8_t {
  always,
  unless_whole,  ///< a word that is a piece stays that piece
};

/// A byte-level BPE vocabulary. Hostile until a tokenizer has been made of it.
struct vocabulary {
  std::vector<std::string> pieces;  ///< by token, in the byte-level alphabet; empty for tokens that no merging makes
  std::vector<added_token> added;
  std::vector<std::pair<std::string, std::string>> merges;  ///< of pieces; the first joins first
  std::string style;                ///< how text is cut into words, in GGUF's names: gpt-2, llama-bpe, qwen2, smollm
  normal_form form = normal_form::as_given;
  merging merged = merging::always;
  std::int32_t unknown = -1;        ///< stands for a byte that has no piece; -1: such a byte is dropped
  std::int32_t bos = -1;            ///< begins a text, or -1
  std::vector<std::int32_t> ends;   ///< tokens after which a model has finished its answer: see add_known_ends
  bool add_bos = false;             ///< the model expects bos before every text
  std::string chat_template;        ///< Jinja, or empty
};

/// Adds to `ends` the control tokens that end a turn or a text in the published models, by their text: files name one of them, and
/// often not the one with which a chat's turn ends.
inline void add_known_ends(vocabulary& words) {
  for (const auto& added : words.added)
    for (const char* text : {"<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|endoftext|>", "<|end_of_text|>", "<\uFF5Cend\u2581of\u2581sentence\uFF5C>"})
      if (added.control && added.text == text && std::find(words.ends.begin(), words.ends.end(), added.token) == words.ends.end()) words.ends.push_back(added.token);
}

}  // namespace tenon
