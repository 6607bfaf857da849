#pragma once
// Unicode's normal form C (UAX 15), by utf8proc.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <utf8proc.h>

#include <tenon/core/fault.hpp>
#include <tenon/text/utf8.hpp>

namespace tenon {

/// `text` in normal form C. Bytes that are not UTF-8 stay as they are.
inline std::string to_nfc(std::string_view text) {
  // Characters below U+0300 never change and compose with nothing before them: most text of European scripts needs no work.
  if (std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0xCC; })) return std::string(text);
  std::string out;
  out.reserve(text.size());
  std::vector<utf8proc_int32_t> points;
  while (!text.empty()) {
    const std::size_t valid = utf8_valid_prefix(text);
    const auto bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
    const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    points.resize(valid + 1);
    utf8proc_ssize_t count = utf8proc_decompose(bytes, static_cast<utf8proc_ssize_t>(valid), points.data(), static_cast<utf8proc_ssize_t>(valid), options);
    if (count > static_cast<utf8proc_ssize_t>(valid)) {  // some characters decompose into more than their bytes
      points.resize(static_cast<std::size_t>(count) + 1);
      count = utf8proc_decompose(bytes, static_cast<utf8proc_ssize_t>(valid), points.data(), count, options);
    }
    if (count >= 0) count = utf8proc_reencode(points.data(), count, options);  // in place; it also writes a final zero
    if (count < 0) throw error("a text of ", text.size(), " bytes could not be normalised: ", utf8proc_errmsg(count), ". Fix: encode it in parts.");
    out.append(reinterpret_cast<const char*>(points.data()), static_cast<std::size_t>(count));
    text.remove_prefix(valid);
    std::size_t stray = 0;
    while (stray < text.size() && utf8_character(text.substr(stray)) == 0) ++stray;
    out.append(text.substr(0, stray));
    text.remove_prefix(stray);
  }
  return out;
}

}  // namespace tenon
