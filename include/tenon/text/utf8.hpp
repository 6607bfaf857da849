#pragma once
// What UTF-8 is, for text that may not be UTF-8 (The Unicode Standard, table 3-7).

#include <cstddef>
#include <string_view>

namespace tenon {

/// The bytes of the well-formed character that starts `text`, 1 to 4; 0 where none starts there (empty, stray or incomplete bytes).
constexpr std::size_t utf8_character(std::string_view text) {
  auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto within = [&](std::size_t i, unsigned low, unsigned high) { return byte(i) >= low && byte(i) <= high; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return text.empty() ? 0 : 1;
  if (lead >= 0xC2 && lead <= 0xDF) return within(1, 0x80, 0xBF) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const bool second = within(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF);  // no overlong form, no surrogate
    return second && within(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const bool second = within(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF);  // nothing above U+10FFFF
    return second && within(2, 0x80, 0xBF) && within(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

/// The bytes at the start of `text` that are well-formed UTF-8.
constexpr std::size_t utf8_valid_prefix(std::string_view text) {
  std::size_t at = 0;
  for (std::size_t step; (step = utf8_character(text.substr(at))) > 0;) at += step;
  return at;
}

/// The bytes at the end of `text`, 0 to 3, that begin a character which further bytes may complete.
constexpr std::size_t utf8_unfinished(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const std::string_view tail = text.substr(text.size() - back);
    const auto lead = static_cast<unsigned char>(tail[0]);
    if (lead < 0x80) return 0;
    if (lead < 0xC0) continue;  // a continuation byte: its lead is further back
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (back >= length) return 0;
    // The tail is unfinished when some completion is well-formed; the second byte decides, and 80, 90, A0 cover its ranges.
    for (const char second : {'\x80', '\x90', '\xA0'}) {
      char whole[4] = {tail[0], back > 1 ? tail[1] : second, back > 2 ? tail[2] : '\x80', '\x80'};
      if (utf8_character({whole, length}) == length) return back;
    }
    return 0;
  }
  return 0;
}

/// The scalar value of a well-formed character of `length` bytes.
constexpr char32_t utf8_decode(const char* at, std::size_t length) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(at[i])); };
  if (length == 1) return byte(0);
  char32_t value = byte(0) & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) value = value << 6 | (byte(i) & 0x3Fu);
  return value;
}

}  // namespace tenon
