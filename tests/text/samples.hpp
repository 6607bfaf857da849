#pragma once
// The sample texts of tests/oracles/tokenizer.py and the tokens that the published library gives them.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace samples {

inline std::string read_path(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
inline std::string read(const std::string& name) { return read_path(TENON_TEST_DATA "/text/" + name); }

// Lists of `Item` in a file, each after its length.
template <class List>
std::vector<List> lists(const std::string& name) {
  using item = typename List::value_type;
  const std::string bytes = read(name);
  std::vector<List> out;
  for (std::size_t at = 0; at + 4 <= bytes.size();) {
    std::uint32_t count = 0;
    std::memcpy(&count, bytes.data() + at, 4);
    out.emplace_back(count, item{});
    if (count > 0) std::memcpy(out.back().data(), bytes.data() + at + 4, count * sizeof(item));
    at += 4 + count * sizeof(item);
  }
  return out;
}

inline std::vector<std::string> texts() { return lists<std::string>("samples.bin"); }
/// Two lists per text: control tokens as text, then parsed.
inline std::vector<std::vector<std::int32_t>> tokens(const std::string& name) { return lists<std::vector<std::int32_t>>(name); }

}  // namespace samples
