#pragma once
// The mean of the tokens that a sequence has seen, in double: the same bits whatever the blocks.

#include <cstddef>

#include <tenon/core/fault.hpp>
#include <tenon/core/memory.hpp>
#include <tenon/core/view.hpp>

namespace tenon {

/// The state: `width` sums over tokens [0, seen), or of the current segment where the mean is of segments of `segment` tokens.
struct running_mean {
  double* sum = nullptr;
  index_t width = 0;
  index_t segment = 0;  ///< 0: one that never ends
  index_t seen = 0;     ///< tokens of the sequence so far

  static std::size_t bytes(index_t width) { return round_up(static_cast<std::size_t>(width) * sizeof(double), 64); }

  /// Takes over what another has seen, into memory of its own.
  void carry(const running_mean& from) {
    for (index_t i = 0; i < width; ++i) sum[i] = from.sum[i];
    seen = from.seen;
  }

  /// mean [token, width], of each token of `in` [token, width] and those before it in its segment; token 0 is at position `first`.
  /// Throws tenon::error where the sequence was cut back to a position whose sums are gone.
  void follow(index_t first, view<const float, 2> in, view<float, 2> mean) {
    if (first != seen && (segment == 0 ? first : first % segment) != 0)
      throw error("[first] is ", first, ", but the running mean has seen ", seen, " tokens and cannot go back into them. Fix: cut back to 0 or a segment's start.");
    for (index_t t = 0; t < in.extent[0]; ++t) {
      const index_t before = segment == 0 ? first + t : (first + t) % segment;
      if (before == 0)
        for (index_t i = 0; i < width; ++i) sum[i] = 0;
      for (index_t i = 0; i < width; ++i) {
        sum[i] += static_cast<double>(in(t, i));
        mean(t, i) = static_cast<float>(sum[i] / static_cast<double>(before + 1));
      }
    }
    seen = first + in.extent[0];
  }
};

}  // namespace tenon
