#pragma once
// GGUF files put together byte by byte, so that tests can make every field wrong.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace tenon_test {

struct gguf_bytes {
  std::string bytes;

  template <class T>
  gguf_bytes& number(T value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes.append(raw, sizeof value);
    return *this;
  }
  gguf_bytes& u32(std::uint32_t value) { return number(value); }
  gguf_bytes& u64(std::uint64_t value) { return number(value); }
  gguf_bytes& raw(std::string_view text) {
    bytes += text;
    return *this;
  }
  gguf_bytes& text(std::string_view text) { return u64(text.size()).raw(text); }
  gguf_bytes& header(std::uint64_t tensors, std::uint64_t facts, std::uint32_t version = 3) { return raw("GGUF").u32(version).u64(tensors).u64(facts); }
  /// A fact of type UINT32.
  gguf_bytes& fact(std::string_view key, std::uint32_t value) { return text(key).u32(4).u32(value); }
  gguf_bytes& fact(std::string_view key, std::string_view value) { return text(key).u32(8).text(value); }
  /// A tensor of two axes, fastest first as in the file.
  gguf_bytes& tensor(std::string_view name, std::uint64_t columns, std::uint64_t rows, std::uint32_t type, std::uint64_t offset) {
    return text(name).u32(2).u64(columns).u64(rows).u32(type).u64(offset);
  }
  gguf_bytes& align(std::size_t alignment = 32) {
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment, '\0');
    return *this;
  }
  gguf_bytes& zeros(std::size_t count) {
    bytes.append(count, '\0');
    return *this;
  }
};

}  // namespace tenon_test
