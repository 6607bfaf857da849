#pragma once
// What a model file says about its tokens, in one form whichever file it came from.

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

/// A byte-level BPE vocabulary. Hostile until a tokenizer has been made of it.
struct vocabulary {
  std::vector<std::string> pieces;  ///< by token, in the byte-level alphabet; empty for tokens that no merging makes
  std::vector<added_token> added;
  std::vector<std::pair<std::string, std::string>> merges;  ///< of pieces; the first joins first
  std::string style;                ///< how text is cut into words, in GGUF's names: gpt-2, llama-bpe, qwen2, smollm
  std::int32_t unknown = -1;        ///< stands for a byte that has no piece; -1: such a byte is dropped
  std::int32_t bos = -1;            ///< begins a text, or -1
  std::vector<std::int32_t> ends;   ///< tokens after which a model has finished its answer
  bool add_bos = false;             ///< the model expects bos before every text
  std::string chat_template;        ///< Jinja, or empty
};

}  // namespace tenon
