#pragma once
// Memory asked for while a product runs, a few lines before each micro tile: what the next block of keys, or the next tile of rows,
// will read. A processor drops what is asked for beyond its line buffers (some 40 lines on Zen 5), so the whole cannot be asked for
// at once.

#include <cstddef>

#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct lines_ahead {
  static constexpr index_t line = 64, most_lines = 24;  ///< before one micro tile

  /// Adds `count` stretches of `bytes`, `stride` apart. What does not fit is left out.
  TENON_INLINE void add(const std::byte* at, index_t bytes, index_t count = 1, index_t stride = 0) {
    if (count == 1 && used_ > 0 && runs_[used_ - 1].count == 1 && runs_[used_ - 1].at + runs_[used_ - 1].bytes == at)
      runs_[used_ - 1].bytes += bytes;
    else if (used_ < most_runs)
      runs_[used_++] = {at, bytes, count, stride};
    else
      return;
    all_ += bytes * count;
  }
  /// Every take asks for one share of what was added.
  TENON_INLINE void share_among(index_t takes) {
    const index_t lines = (all_ / line + takes - 1) / takes;
    share_ = lines < most_lines ? lines : most_lines;
  }
  TENON_INLINE void take() {
    for (index_t left = share_; left > 0 && now_ < used_;) {
      run& own = runs_[now_];
      index_t i = done_;
      for (; i < own.bytes && left > 0; i += line, --left) __builtin_prefetch(own.at + i, 0, 2);
      done_ = i;
      if (i < own.bytes) return;
      done_ = 0;
      own.at += own.stride;
      if (--own.count <= 0) ++now_;
    }
  }

 private:
  static constexpr int most_runs = 18;
  struct run {
    const std::byte* at;
    index_t bytes, count, stride;
  };
  run runs_[most_runs];
  int used_ = 0, now_ = 0;
  index_t all_ = 0, share_ = 0, done_ = 0;
};

}  // namespace atoms
TENON_KERNELS_END
