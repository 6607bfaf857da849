#pragma once
// Sequences that read: tests' ways to feed them, and to hear what is refused.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <tenon/core/fault.hpp>

namespace tenon_test {

using token_list = std::vector<std::int32_t>;

/// Reads `text` in calls of `chunk` tokens; the logits of the last token of each.
template <class Sequence>
std::vector<float> read(Sequence& sequence, const token_list& text, std::size_t chunk = 1000) {
  std::vector<float> all;
  const std::span<const std::int32_t> whole = text;
  for (std::size_t done = 0; done < text.size(); done += chunk) {
    const auto logits = sequence.read(whole.subspan(done, std::min(chunk, text.size() - done)));
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}
inline token_list part_of(const token_list& all, std::size_t first, std::size_t count) {
  return {all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(first + count)};
}
template <class F>
std::string fault(F&& f) {
  try {
    f();
  } catch (const tenon::error& e) {
    return e.what();
  }
  return "no fault";
}

}  // namespace tenon_test
