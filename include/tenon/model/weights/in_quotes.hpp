#pragma once
// Text of a hostile file inside an error message, and which texts may serve as names at all.

#include <cstddef>
#include <string>
#include <string_view>

namespace tenon::detail {

/// Whether `text` is well-formed UTF-8 (Unicode 15, table 3-7: no overlong form, no surrogate, nothing above U+10FFFF).
inline bool is_utf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const int more = lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : 0;
    if (more == 0 || text.size() - i <= static_cast<std::size_t>(more)) return false;
    for (std::size_t k = 1; k <= static_cast<std::size_t>(more); ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    const auto second = static_cast<unsigned char>(text[i + 1]);
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) return false;
    i += static_cast<std::size_t>(more) + 1;
  }
  return true;
}

/// Whether `text` may name a tensor or a key: 1 to `most` bytes of UTF-8 without control characters.
inline bool is_name(std::string_view text, std::size_t most) noexcept {
  if (text.empty() || text.size() > most) return false;
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  return is_utf8(text);
}

/// `text` between quotes for a message: printable ASCII as it is, any other byte as \xNN, at most about 100 characters.
inline std::string in_quotes(std::string_view text) {
  constexpr const char* digits = "0123456789abcdef";
  std::string out = "'";
  for (const char c : text) {
    if (out.size() > 100) {
      out += "...";
      break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f)
      out += c;
    else
      (out += "\\x", out += digits[byte >> 4]) += digits[byte & 15];
  }
  return out += "'";
}

/// A path for a message: its last 200 bytes, so that a long one never pushes the sentence out of a tenon::error.
inline std::string shown(std::string_view path) {
  return path.size() <= 200 ? std::string(path) : "..." + std::string(path.substr(path.size() - 200));
}

}  // namespace tenon::detail
