#pragma once
// Rotary embedding in place: pair (a, b) of a head at position p turns by p * frequency,
//   (a, b) <- (a cos - b sin, a sin + b cos) * amplitude.
// Angles, cosines and sines are taken in double once per token and pair, and shared by the heads: a float angle would be off
// by 1e-4 radians after 2,000 tokens. Moves 8 bytes per value. Reference: kernels/reference/rotary.hpp.

#include <tenon/core/fault.hpp>
#include <tenon/core/math.hpp>
#include <tenon/kernels/shared/rows.hpp>
#include <tenon/policies/position.hpp>

TENON_KERNELS_BEGIN

namespace kernel_detail {
inline void check_rotate(const view<float, 3>& x, index_t pairs, index_t first) {
  if (x.stride[2] != 1) throw error("[rotate] needs heads of neighbouring values. Fix: pass a view whose last stride is 1.");
  if (2 * pairs > x.extent[2]) throw error("[rotary.dims] is ", 2 * pairs, ", but a head has ", x.extent[2], " features. Fix: at most the head dim.");
  if (first < 0 || first + x.extent[0] > 1'500'000) throw error("[rotate] positions must lie in [0, 1500000], but reach ", first + x.extent[0], ". Fix: a shorter context.");
}
}  // namespace kernel_detail

/// Turns the first `turned(dim)` features of every head of x: [token, head, dim], last stride 1, in place. Token t stands at
/// position first + t, in [0, 1'500'000]. A policy without rotation does nothing.
template <class Machine, class Position>
  requires requires(const Position& p) { p.turned(index_t{}); }
void rotate(const Machine& machine, const Position& position, view<float, 3> x, index_t first) {
  const index_t dim = x.extent[2], pairs = position.turned(dim) / 2;
  if (pairs == 0) return;
  kernel_detail::check_rotate(x, pairs, first);
  const float amplitude = static_cast<float>(position.amplitude());
  const bool in_halves = position.pairing == halves;
  constexpr int wide = 16;

  for_rows(machine, x.extent[0], x.extent[1] * dim, [&](index_t begin, index_t end) {
    for_strips<wide>(pairs, [&](index_t pair, auto lanes) TENON_LAMBDA {
      double frequency[lanes];
      for_lanes<lanes>([&](int l) TENON_LAMBDA { frequency[l] = position.frequency(pair + l, dim); });
      for (index_t t = begin; t < end; ++t) {
        float cosine[lanes], sine[lanes];
        const double p = static_cast<double>(first + t);
        for_lanes<lanes>([&](int l) TENON_LAMBDA {
          cosine[l] = amplitude * static_cast<float>(cos(p * frequency[l]));
          sine[l] = amplitude * static_cast<float>(sin(p * frequency[l]));
        });
        for (index_t h = 0; h < x.extent[1]; ++h) {
          float* head = x.data + t * x.stride[0] + h * x.stride[1];
          if (in_halves) {
            float *low = head + pair, *high = head + pair + pairs;
            for_lanes<lanes>([&](int l) TENON_LAMBDA {
              const float a = low[l], b = high[l];
              low[l] = a * cosine[l] - b * sine[l];
              high[l] = a * sine[l] + b * cosine[l];
            });
          } else {
            float* both = head + 2 * pair;
            for_lanes<lanes>([&](int l) TENON_LAMBDA {
              const float a = both[2 * l], b = both[2 * l + 1];
              both[2 * l] = a * cosine[l] - b * sine[l];
              both[2 * l + 1] = a * sine[l] + b * cosine[l];
            });
          }
        }
      }
    });
  });
}

/// No rotation is a policy too.
template <class Machine>
void rotate(const Machine&, const no_rotation&, view<float, 3>, index_t) {}

TENON_KERNELS_END
