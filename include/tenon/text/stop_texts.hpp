#pragma once
// Ends a text before the first of some given texts: the one that is whole first, and of those that are whole at once the longest.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tenon/core/fault.hpp>

namespace tenon {

/// Holds back what may be the beginning of a stop text, until it is clear.
class stop_texts {
 public:
  /// Throws tenon::error for an empty stop text.
  explicit stop_texts(std::vector<std::string> stops = {}) : stops_(std::move(stops)) {
    for (const auto& stop : stops_)
      if (stop.empty()) throw error("a stop text is empty, so every answer would be. Fix: leave it out.");
  }

  /// Takes more text and returns what can be shown now. After a stop text has come, nothing more is.
  std::string push(std::string_view text) {
    if (stopped_) return {};
    held_ += text;
    std::size_t ready = held_.size(), first_end = std::string::npos;
    for (const auto& stop : stops_) {
      const auto at = held_.find(stop);
      if (at == std::string::npos || at + stop.size() > first_end || (at + stop.size() == first_end && at > ready)) continue;
      stopped_ = true;
      ready = at;
      first_end = at + stop.size();
    }
    for (const auto& stop : stops_)
      for (std::size_t length = std::min(stop.size() - 1, held_.size()); length > 0 && !stopped_; --length)
        if (held_.ends_with(std::string_view(stop).substr(0, length))) {
          ready = std::min(ready, held_.size() - length);
          break;
        }
    std::string out = held_.substr(0, ready);
    held_.erase(0, stopped_ ? std::string::npos : ready);
    return out;
  }
  /// Whether a stop text has come.
  bool stopped() const { return stopped_; }
  /// What was held back and turned out to be no stop text.
  std::string finish() { return std::exchange(held_, {}); }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace tenon
