#pragma once
// Memory asked for while a product runs: what the next product, block of keys or tile of rows will read. A processor drops what is
// asked for beyond its line buffers (some 40 lines on Zen 5), so the whole cannot be asked for at once: many rows ask for a few lines
// before each micro tile, few rows for a line with every line that they read.

#include <cstddef>
#include <cstdint>

#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct lines_ahead {
  static constexpr index_t line = 64, most_lines = 24;  ///< before one micro tile

  /// For few rows: the panels that are read after those of a product, one for each of its own; at null: none.
  struct panels {
    const std::byte* const* at = nullptr;
    index_t bytes = 0;  ///< of a panel
    /// The line `offset` bytes into a panel, or null.
    TENON_INLINE const std::byte* line(int panel, index_t offset) const { return at == nullptr ? nullptr : moved(at[panel], offset); }
    /// Whether panels [first, first + count) lie side by side.
    TENON_INLINE bool adjacent(int first, int count) const { return at == nullptr || static_cast<index_t>(reckoned(at[first + count - 1]) - reckoned(at[first])) == (count - 1) * bytes; }
  };
  panels after;
  /// Asks for a line; returns the next.
  TENON_INLINE static const std::byte* ask(const std::byte* at) {
    __builtin_prefetch(at);
    return moved(at, line);
  }
  /// Asks for all lines of `bytes`.
  TENON_INLINE static void ask(const std::byte* at, index_t bytes) {
    for (index_t i = 0; i < bytes; i += line) at = ask(at);
  }
  /// The same into the second-level cache: what lies at multiples of 4 KiB, as rows of many heads do, drives itself out of the first.
  TENON_INLINE static void ask_second(const std::byte* at, index_t bytes) {
    for (index_t i = 0; i < bytes; i += line, at = moved(at, line)) __builtin_prefetch(at, 0, 2);
  }
  /// The same of what will be written.
  TENON_INLINE static void ask_to_write(const std::byte* at, index_t bytes) {
    for (index_t i = 0; i < bytes; i += line, at = moved(at, line)) __builtin_prefetch(at, 1);
  }

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
  TENON_INLINE void clear() { used_ = now_ = 0, all_ = share_ = done_ = 0; }
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
  // Addresses may lie outside of everything, so they are reckoned as numbers.
  TENON_INLINE static std::uintptr_t reckoned(const void* at) { return reinterpret_cast<std::uintptr_t>(at); }
  TENON_INLINE static const std::byte* moved(const std::byte* at, index_t by) { return reinterpret_cast<const std::byte*>(reckoned(at) + static_cast<std::uintptr_t>(by)); }
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
