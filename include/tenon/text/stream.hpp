#pragma once
// Joins the pieces of tokens into text that is always whole characters.

#include <string>
#include <string_view>
#include <utility>

#include <tenon/text/utf8.hpp>

namespace tenon {

/// Holds back the bytes of a character that a later piece will complete. Bytes that can no longer become a character pass through.
class text_stream {
 public:
  /// Takes a piece and returns what can be shown now, which may be nothing.
  std::string push(std::string_view piece) {
    held_ += piece;
    const std::size_t ready = held_.size() - utf8_unfinished(held_);
    std::string out = held_.substr(0, ready);
    held_.erase(0, ready);
    return out;
  }
  /// What is still held back, at most 3 bytes: the start of a character that never came. The stream is empty afterwards.
  std::string finish() { return std::exchange(held_, {}); }

 private:
  std::string held_;
};

}  // namespace tenon
