#pragma once
// The mean of the tokens that a sequence has seen, in double: the same bits whatever the blocks. Moves 8 bytes per value.

#include <cstddef>

#include <tenon/core/fault.hpp>
#include <tenon/core/memory.hpp>
#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN

/// Which tokens a mean is of.
enum class mean_of : unsigned char {
  seen,     ///< the token and those before it in its segment
  segment,  ///< all of its segment that are there by the end of the block
  block     ///< all of the block, whatever came before
};

/// The state: sums over tokens [0, seen), or of the current segment where the mean is of segments of `segment` tokens. It begins at `memory`,
/// running_mean_bytes of it, aligned to 64.
template <class Machine>
struct running_mean {
  double* sum = nullptr;
  index_t width = 0;
  index_t segment = 0;  ///< 0: one that never ends
  index_t seen = 0;     ///< tokens of the sequence so far

  running_mean() = default;
  running_mean(const Machine&, std::byte* memory, index_t features, index_t length = 0) : sum(reinterpret_cast<double*>(memory)), width(features), segment(length) {}
  /// Takes over what another has seen, into memory of its own.
  void carry(const Machine&, const running_mean& from) {
    for (index_t i = 0; i < width; ++i) sum[i] = from.sum[i];
    seen = from.seen;
  }
};
template <class Machine>
std::size_t running_mean_bytes(const Machine&, index_t width) {
  return round_up(static_cast<std::size_t>(width) * sizeof(double), 64);
}

namespace kernel_detail {
inline void check_mean(const view<const float, 2>& in, const view<float, 2>& mean, index_t width) {
  if (in.extent[1] != width || mean.extent[0] != in.extent[0] || mean.extent[1] != width)
    throw error("[follow_mean] in is [", in.extent[0], ", ", in.extent[1], "] and mean [", mean.extent[0], ", ", mean.extent[1], "], but the state has ", width,
                " features. Fix: pass both as [token, ", width, "].");
  if (width > 1 && (in.stride[1] != 1 || mean.stride[1] != 1)) throw error("[follow_mean] needs rows of neighbouring values. Fix: pass views whose last stride is 1.");
}
}  // namespace kernel_detail

/// mean [token, width] for each token of in [token, width]; token 0 is at position `first`. Throws tenon::error for shapes that do not fit, and
/// where the sequence was cut back to a position whose sums are gone.
template <class Machine>
void follow_mean(const Machine&, running_mean<Machine>& state, view<const float, 2> in, view<float, 2> mean, index_t first, mean_of which = mean_of::seen) {
  kernel_detail::check_mean(in, mean, state.width);
  const index_t from = which == mean_of::block ? 0 : first, tokens = in.extent[0];
  const auto within = [&](index_t position) { return state.segment == 0 ? position : position % state.segment; };
  if (from != state.seen && within(from) != 0)
    throw error("[first] is ", first, ", but the running mean has seen ", state.seen, " tokens and cannot go back into them. Fix: cut back to 0 or a segment's start.");
  for (index_t t = 0; t < tokens; ++t) {
    const index_t before = within(from + t);
    if (before == 0)
      for (index_t i = 0; i < state.width; ++i) state.sum[i] = 0;
    for (index_t i = 0; i < state.width; ++i) {
      state.sum[i] += static_cast<double>(in(t, i));
      mean(t, i) = static_cast<float>(state.sum[i] / static_cast<double>(before + 1));
    }
  }
  state.seen = first + tokens;
  if (which == mean_of::seen) return;
  for (index_t t = tokens - 2; t >= 0; --t)
    if (within(from + t + 1) != 0) __builtin_memcpy(&mean(t, 0), &mean(t + 1, 0), static_cast<std::size_t>(state.width) * sizeof(float));
}

TENON_KERNELS_END
