#pragma once
// The mean of the tokens that a sequence has seen, on a GPU: a thread per feature, in double, so that blocks of any size give the same bits.
// Moves 8 bytes per value. As launch/running_mean.hpp.

#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/machine_types.hpp>
#include <tenon/kernels/launch/running_mean.hpp>
#include <tenon/kernels/shared/device_block.hpp>

TENON_KERNELS_BEGIN

/// The sums, and for each stretch of features how many tokens they hold, which begins as zero.
template <device_machine Machine>
struct running_mean<Machine> {
  static constexpr index_t stretch = 128;
  double* sum = nullptr;
  std::int32_t* seen = nullptr;
  index_t width = 0, segment = 0;

  running_mean() = default;
  running_mean(const Machine& machine, std::byte* memory, index_t features, index_t length = 0)
      : sum(reinterpret_cast<double*>(memory)), seen(reinterpret_cast<std::int32_t*>(memory + sum_bytes(features))), width(features), segment(length) {
    const index_t stretches = kernel_detail::tiles(features, stretch);
    for (index_t i = 0; i < stretches; ++i) seen[i] = 0;
    wrote(machine, seen, static_cast<std::size_t>(stretches) * sizeof *seen);
  }
  /// In order with the kernels of both.
  void carry(const Machine& machine, const running_mean& from) {
    const auto copied = [&](auto* to, const auto* of, index_t count) {
      copy_within(machine, reinterpret_cast<std::byte*>(to), reinterpret_cast<const std::byte*>(of), static_cast<std::size_t>(count) * sizeof *to);
    };
    copied(sum, from.sum, width), copied(seen, from.seen, kernel_detail::tiles(width, stretch));
  }
  static std::size_t sum_bytes(index_t features) { return round_up(static_cast<std::size_t>(features) * sizeof(double), 64); }
};
template <device_machine Machine>
std::size_t running_mean_bytes(const Machine&, index_t width) {
  using state = running_mean<Machine>;
  return state::sum_bytes(width) + round_up(static_cast<std::size_t>(kernel_detail::tiles(width, state::stretch)) * sizeof(std::int32_t), 64);
}

/// mean [token, width] of in [token, width]. Grid: x = stretches of `threads` features.
template <class Leaf>
struct running_mean_body {
  static constexpr int threads = 128;
  const float* in;
  float* mean;
  index_t in_stride, mean_stride;
  int tokens, width, segment;  ///< segment: tokens of one; 0: one that never ends
  mean_of which;
  const std::int32_t* first;  ///< position of token 0, in memory
  double* sum;                ///< [width]: of the current segment
  std::int32_t* seen;         ///< [stretch]: tokens that are in `sum`

  TENON_BOTH void operator()() const {
    const int i = Leaf::block_x() * threads + Leaf::thread(), from = which == mean_of::block ? 0 : Leaf::load(first), had = Leaf::load(seen + Leaf::block_x());
    Leaf::barrier();
    if (Leaf::thread() == 0) Leaf::store(seen + Leaf::block_x(), from + tokens);
    if (i >= width) return;
    // Sums that hold other tokens than those before the block cannot be corrected: what comes of them is no number, and shows.
    double all = within(from) == 0 ? 0.0 : had == from ? load_eight<Leaf>(sum + i) : __builtin_nan("");
    for (int t = 0; t < tokens; ++t) {
      const int before = within(from + t);
      all = (before == 0 ? 0.0 : all) + static_cast<double>(Leaf::load(in + t * in_stride + i));
      Leaf::store(mean + t * mean_stride + i, static_cast<float>(all / static_cast<double>(before + 1)));
    }
    store_eight<Leaf>(sum + i, all);
    if (which != mean_of::seen)
      for (int t = tokens - 2; t >= 0; --t)
        if (within(from + t + 1) != 0) Leaf::store(mean + t * mean_stride + i, Leaf::load(mean + (t + 1) * mean_stride + i));
  }

 private:
  TENON_BOTH TENON_INLINE int within(int position) const { return segment == 0 ? position : position % segment; }
};

/// As on a processor, but that nothing is thrown where the sums are gone: the means are no numbers then.
template <device_machine Machine>
void follow_mean(const Machine& machine, running_mean<Machine>& state, view<const float, 2> in, view<float, 2> mean, device_place first, mean_of which = mean_of::seen) {
  using body = running_mean_body<typename Machine::leaf>;
  static_assert(body::threads == running_mean<Machine>::stretch);
  kernel_detail::check_mean(in, mean, state.width);
  if (in.extent[0] == 0) return;
  kernel_detail::launch(machine, static_cast<int>(kernel_detail::tiles(state.width, state.stretch)), 1,
                        body{in.data, mean.data, in.stride[0], mean.stride[0], static_cast<int>(in.extent[0]), static_cast<int>(state.width), static_cast<int>(state.segment), which, first.at,
                             state.sum, state.seen});
}

TENON_KERNELS_END
