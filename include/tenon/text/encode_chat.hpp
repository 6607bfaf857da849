#pragma once
// A written conversation to tokens.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <tenon/text/chat_template.hpp>
#include <tenon/text/tokenizer.hpp>

namespace tenon {

/// The tokens of `parts`: those of the whole text with its control tokens parsed, except that nothing that somebody said becomes a
/// control token. A control token that the vocabulary does not have is text, as in the published library.
inline std::vector<std::int32_t> encode_chat(const tokenizer& tokens, std::span<const chat_part> parts) {
  std::vector<std::int32_t> out;
  std::string plain;  // neighbouring texts are one text: a word may reach over their border
  const auto settle = [&] {
    const auto encoded = tokens.encode(plain);
    out.insert(out.end(), encoded.begin(), encoded.end());
    plain.clear();
  };
  for (const auto& part : parts) {
    const auto token = part.is == chat_part::kind::bos ? tokens.bos() : part.is == chat_part::kind::control ? tokens.find(part.text) : -1;
    if (token < 0) {
      plain += part.text;
      continue;
    }
    settle();
    out.push_back(token);
  }
  settle();
  return out;
}

}  // namespace tenon
