#pragma once
// What the words of products share: the shapes of microkernels, a group of packed panels, and fetching ahead.

#include <cstddef>

#include <tenon/core/config.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/shared/unroll.hpp>

TENON_KERNELS_BEGIN

/// The shapes of a machine's microkernels, in tokens and panels of 16 outputs. Only accumulators and speed depend on them.
struct product_shape {
  int float_rows, float_panels;  ///< rows divide 16
  int byte_rows, byte_panels;
};

/// Tokens per tile of arranged x, where there is more than one token.
inline constexpr int token_tile = 16;

/// Packed panels that are multiplied together: what a loop over stretches of the depth knows of their format.
struct panel_group {
  const std::byte* const* panels;
  index_t slab_depth, slab_bytes;
  const std::byte* at(int p, index_t depth) const { return panels[p] + depth / slab_depth * slab_bytes; }
};

/// While one stretch is multiplied the next comes into the second-level cache: part `at` of `parts` of it. After the last stretch
/// comes the first one of the next group.
template <int Panels>
void fetch_ahead(const panel_group& group, index_t depth, index_t from, index_t stretch, index_t at, index_t parts) noexcept {
  const index_t lines = stretch / group.slab_depth * group.slab_bytes / 64, to = lines * (at + 1) / parts;
  const index_t next = from + stretch < depth ? from + stretch : Panels * depth;
  for (int p = 0; p < Panels; ++p)
    for (index_t line = lines * at / parts; line < to; ++line) __builtin_prefetch(group.at(p, next) + line * 64, 0, 2);
}

/// While one token goes through slabs `at` bytes into panels of `pitch` bytes, what lies 8 KiB ahead comes into the first-level cache:
/// part `part` of `Parts` of a slab. A processor's own prefetcher stops at the end of a page. The next group's panels follow these.
template <int Panels, int SlabBytes, int Parts>
TENON_INLINE void fetch_slab_ahead(const std::byte* const* packed, index_t at, index_t pitch, int part) noexcept {
  constexpr int lines = SlabBytes / 64;
  const index_t near = at + 8192, ahead = near < pitch ? near : near + (Panels - 1) * pitch;
  for (int line = lines * part / Parts; line < lines * (part + 1) / Parts; ++line)
    unroll<Panels>([&](int p) TENON_LAMBDA { __builtin_prefetch(packed[p] + ahead + line * 64, 0, 3); });
}

/// Calls f(row, panel) for every accumulator of a microkernel.
template <int Rows, int Panels, class F>
TENON_INLINE void each_sum(F&& f) {
  unroll<Rows>([&](int r) TENON_LAMBDA { unroll<Panels>([&](int p) TENON_LAMBDA { f(r, p); }); });
}

TENON_KERNELS_END
