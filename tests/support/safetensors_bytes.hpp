#pragma once
// Safetensors files put together from a header text, so that tests can make every field wrong.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace tenon_test {

/// A file with this header and `data` bytes 0, 1, 2, ... after it; its size field says `size` where that is given.
inline std::string safetensors_bytes(std::string_view header, std::size_t data = 0, std::uint64_t size = ~std::uint64_t{0}) {
  if (size == ~std::uint64_t{0}) size = header.size();
  std::string out(sizeof size, '\0');
  std::memcpy(out.data(), &size, sizeof size);
  out += header;
  for (std::size_t i = 0; i < data; ++i) out += static_cast<char>(i);
  return out;
}

}  // namespace tenon_test
