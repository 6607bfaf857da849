#pragma once
// How the text of an answer is generated: sampling's choices and where to stop, in one flat list of named values.

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <tenon/runtime/generate.hpp>

namespace tenon {

/// The ranges and the order of the filters are those of `sampling`.
struct answer_options {
  float temperature = 0;         ///< 0: always the most probable token
  int top_k = 0;                 ///< 0: no limit
  float top_p = 1;               ///< 1: no limit
  float min_p = 0;               ///< 0: no limit
  float repetition_penalty = 1;  ///< 1: none; it looks at the answer and what was read just before it, at most 512 tokens
  std::uint64_t seed = 0;
  index_t max_tokens = std::numeric_limits<index_t>::max();
  std::vector<std::string> stop{};  ///< texts that end the answer; they are not shown

  /// The same for tokens; texts to stop at are not in it.
  generation of_tokens() const {
    generation out;
    out.temperature = temperature;
    out.top_k = top_k;
    out.top_p = top_p;
    out.min_p = min_p;
    out.repetition_penalty = repetition_penalty;
    out.seed = seed;
    out.max_tokens = max_tokens;
    return out;
  }
};

}  // namespace tenon
