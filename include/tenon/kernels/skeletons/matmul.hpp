#pragma once
// out[token, row] = sum over k of x[token, k] w[row, k]            x [token, depth], w [row, depth], out [token, row]
// Bytes moved: the packed weights once per block of tokens, x once, out once. Reference: reference/matmul.hpp.
// Thin on purpose: what machines share is shapes, traversal and the epilogue; the words are in shared/product_words.hpp.

#include <cstddef>
#include <type_traits>

#include <tenon/core/config.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/shared/packed_matrix.hpp>

TENON_KERNELS_BEGIN

/// Arranged rows of x: tiles of `Form`, the depth rounded up to whole slabs.
struct arranged {
  const std::byte* tiles;
  index_t tokens, depth;
};

/// sums [token][panels][16] = x times panels first, first + 1 ... of w, of which the first `live` exist; the sums of the
/// others mean nothing. `unpacked` belongs to this worker.
template <class Words, class Form>
void multiply_group(const packed_matrix& w, index_t first, index_t live, const arranged& x, float* sums, std::byte* unpacked) noexcept {
  const std::size_t pitch = panel_bytes(w.kind, w.how, w.depth);
  const std::byte* group[Words::template panels<Form>];
  for (index_t p = 0; p < Words::template panels<Form>; ++p) group[p] = w.data + static_cast<std::size_t>(first + (p < live ? p : 0)) * pitch;
  const auto multiply = [&](auto format) {
    Words::template multiply<decltype(format), Form>(group, x.depth, x.tiles, x.tokens, sums, unpacked);
  };
  if constexpr (activation::bytes_of<Form> != 0)
    with_integer_panel(w.kind, multiply);
  else
    with_panel(w.kind, w.how, multiply);
}

/// Calls body(panel, live) for [first, last) in groups of as many panels as the machine takes at once.
template <class Words, class Form, class Body>
TENON_INLINE void each_group(index_t first, index_t last, Body&& body) {
  constexpr int count = Words::template panels<Form>;
  for (; first < last; first += count) body(first, last - first < count ? last - first : count);
}

/// For every token and panel of a group, f(lanes, at, row, to, live) leaves in lanes what the `live` outputs at `to` become; `at` is
/// where the sums [token][panels][16] of these lanes begin, `row` the row of w of the first. Lanes are a local array and loops over
/// them have constant trip counts: so both compilers vectorise them at -O2, whatever else the pointers might overlap.
template <class Words, class Form, class F>
TENON_INLINE void drain(index_t first_panel, index_t panels, index_t tokens, const view<float, 2>& out, F&& f) {
  for (index_t t = 0; t < tokens; ++t)
    for (index_t p = 0; p < panels; ++p) {
      const index_t row = (first_panel + p) * panel::columns, at = (t * Words::template panels<Form> + p) * panel::columns;
      const index_t left = out.extent[1] - row;
      alignas(64) float lanes[panel::columns];
      float* to = &out(t, row);
      if (left >= panel::columns) {
        f(lanes, at, row, to, std::integral_constant<int, panel::columns>{});
        __builtin_memcpy(to, lanes, sizeof lanes);
      } else {
        f(lanes, at, row, to, static_cast<int>(left));
        for (index_t c = 0; c < left; ++c) to[c] = lanes[c];
      }
    }
}

/// Panels [first, last) of one product, added to `out` or stored in it.
template <class Words, class Form>
void matmul_panels(const packed_matrix& w, const arranged& x, const float* bias, bool add, const view<float, 2>& out, index_t first,
                   index_t last, float* sums, std::byte* unpacked) noexcept {
  each_group<Words, Form>(first, last, [&](index_t panel, index_t live) TENON_LAMBDA {
    multiply_group<Words, Form>(w, panel, live, x, sums, unpacked);
    drain<Words, Form>(panel, live, x.tokens, out, [&](auto& lanes, index_t at, index_t row, const float* to, auto count) TENON_LAMBDA {
      __builtin_memcpy(lanes, sums + at, sizeof lanes);
      if (bias != nullptr)
        for (int c = 0; c < count; ++c) lanes[c] += bias[row + c];
      if (add)
        for (int c = 0; c < count; ++c) lanes[c] += to[c];
    });
  });
}

TENON_KERNELS_END
