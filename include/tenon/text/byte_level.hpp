#pragma once
// The alphabet in which byte-level vocabularies are written (GPT-2, Radford et al. 2019): one printable character per byte.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tenon/text/utf8.hpp>

namespace tenon {

namespace detail {

// Printable Latin-1 bytes stand for themselves; the other 68 are U+0100, U+0101, ... in order.
constexpr auto byte_alphabet = [] {
  std::array<std::uint16_t, 256> out{};
  std::uint16_t next = 0x100;
  for (std::uint16_t b = 0; b < 256; ++b) {
    const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    out[b] = printable ? b : next++;
  }
  return out;
}();

constexpr auto alphabet_bytes = [] {
  std::array<std::int16_t, 0x100 + 68> out{};
  for (auto& b : out) b = -1;
  for (std::size_t b = 0; b < 256; ++b) out[byte_alphabet[b]] = static_cast<std::int16_t>(b);
  return out;
}();

}  // namespace detail

/// The bytes that `piece` stands for; nothing when it has a character outside the alphabet (such a piece is literal text).
inline std::optional<std::string> from_byte_level(std::string_view piece) {
  std::string out;
  out.reserve(piece.size());
  for (std::size_t at = 0; at < piece.size();) {
    const std::size_t length = utf8_character(piece.substr(at));
    const char32_t c = length == 0 ? 0xFFFFu : utf8_decode(piece.data() + at, length);
    if (c >= detail::alphabet_bytes.size() || detail::alphabet_bytes[c] < 0) return std::nullopt;
    out.push_back(static_cast<char>(detail::alphabet_bytes[c]));
    at += length;
  }
  return out;
}

/// `bytes` written in the alphabet.
inline std::string to_byte_level(std::string_view bytes) {
  std::string out;
  for (const char b : bytes) {
    const unsigned c = detail::byte_alphabet[static_cast<unsigned char>(b)];
    if (c >= 0x80) out.push_back(static_cast<char>(0xC0u | c >> 6));
    out.push_back(static_cast<char>(c >= 0x80 ? 0x80u | (c & 0x3Fu) : c));
  }
  return out;
}

}  // namespace tenon
