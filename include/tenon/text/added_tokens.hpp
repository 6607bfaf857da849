#pragma once
// Finds tokens that stand for themselves in running text: the leftmost, and of those the longest.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tenon {

class added_tokens {
 public:
  /// `text` must outlive this. Empty text is ignored; of two tokens with one text the first stays.
  void insert(std::string_view text, std::int32_t token) {
    if (text.empty() || !tokens_.emplace(text, token).second) return;
    starts_[static_cast<unsigned char>(text[0])] = true;
    const auto place = std::lower_bound(lengths_.begin(), lengths_.end(), text.size(), [](std::size_t a, std::size_t b) { return a > b; });
    if (place == lengths_.end() || *place != text.size()) lengths_.insert(place, text.size());
  }

  /// Calls plain(text) for the stretches between tokens, where not empty, and found(token), in order. `wanted(token)` says which count.
  template <class Wanted, class Plain, class Found>
  void split(std::string_view text, Wanted&& wanted, Plain&& plain, Found&& found) const {
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size() && !tokens_.empty();) {
      const auto match = starts_[static_cast<unsigned char>(text[at])] ? longest(text.substr(at)) : none;
      if (match.length == 0) {
        ++at;
        continue;
      }
      if (wanted(match.token)) {
        if (at > done) plain(text.substr(done, at - done));
        found(match.token);
        done = at + match.length;
      }
      at += match.length;  // a token that is not wanted still hides those that start inside it, as in the published library
    }
    if (done < text.size()) plain(text.substr(done));
  }

  /// The token with exactly this text, or -1.
  std::int32_t find(std::string_view text) const {
    const auto it = tokens_.find(text);
    return it == tokens_.end() ? -1 : it->second;
  }

 private:
  struct hit {
    std::int32_t token;
    std::size_t length;
  };
  static constexpr hit none{-1, 0};

  hit longest(std::string_view text) const {
    for (const std::size_t length : lengths_) {
      if (length > text.size()) continue;
      if (const auto it = tokens_.find(text.substr(0, length)); it != tokens_.end()) return {it->second, length};
    }
    return none;
  }

  std::unordered_map<std::string_view, std::int32_t> tokens_;
  std::vector<std::size_t> lengths_;  // distinct, longest first
  std::array<bool, 256> starts_{};
};

}  // namespace tenon
