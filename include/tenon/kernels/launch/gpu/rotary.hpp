#pragma once
// Rotary embedding in place on a GPU: a block per token. As launch/rotary.hpp, whose mathematics it shares. Frequencies come from the host, in
// turns per position; a token's angle is taken from them in double, reduced to one turn and only then made a float, so that it is as good
// after a million tokens as after one. Moves 8 bytes per value. Reference: kernels/reference/rotary.hpp.

#include <tenon/core/math.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/rotary.hpp>

TENON_KERNELS_BEGIN

/// Turns pairs of x [token, head, dim] by their angles. Grid: x = tokens.
template <class Leaf>
struct rotate_body {
  static constexpr int threads = 128, most_pairs = 64;
  float* x;
  index_t token_stride, head_stride;
  const std::int32_t* first;  ///< position of token 0, in memory
  int heads, pairs;
  index_t second, step;  ///< of pair i the features step * i and step * i + second
  float amplitude;
  int every;  ///< so many tokens share an angle
  double turns[most_pairs];

  TENON_BOTH TENON_INLINE void operator()() const {
    const int at_once = threads / pairs, pair = Leaf::thread() % pairs, head0 = Leaf::thread() / pairs;
    if (head0 >= at_once) return;
    const double turned = static_cast<double>((Leaf::load(first) + Leaf::block_x()) / every) * turns[pair];
    const float angle = static_cast<float>((turned - static_cast<double>(static_cast<int>(turned + 0.5))) * 6.28318530717958647692);
    const float cosine = amplitude * cos(angle), sine = amplitude * sin(angle);
    for (int head = head0; head < heads; head += at_once) {
      float* const low = x + Leaf::block_x() * token_stride + head * head_stride + pair * step;
      const float a = Leaf::load(low), b = Leaf::load(low + second);
      Leaf::store(low, a * cosine - b * sine);
      Leaf::store(low + second, a * sine + b * cosine);
    }
  }
};

/// As on a processor, over memory of the machine: at most 64 pairs. `every`: so many tokens, from a multiple of it on, stand at one position.
template <device_machine Machine, class Position>
  requires requires(const Position& p) { p.turned(index_t{}); }
void rotate(const Machine& machine, const Position& position, view<float, 3> x, device_place first, index_t every = 1) {
  using body_type = rotate_body<typename Machine::leaf>;
  const index_t dim = x.extent[2], pairs = position.turned(dim) / 2;
  if (pairs == 0 || x.extent[0] == 0) return;
  kernel_detail::check_rotate(x, pairs, first.first);
  if (pairs > body_type::most_pairs) throw error("[rotary.dims] is ", 2 * pairs, ": a GPU turns at most ", 2 * body_type::most_pairs, ". Fix: narrower heads.");
  const bool in_halves = position.pairing == halves;
  body_type body{.x = x.data,
                 .token_stride = x.stride[0],
                 .head_stride = x.stride[1],
                 .first = first.at,
                 .heads = static_cast<int>(x.extent[1]),
                 .pairs = static_cast<int>(pairs),
                 .second = in_halves ? pairs : 1,
                 .step = in_halves ? 1 : 2,
                 .amplitude = static_cast<float>(position.amplitude()),
                 .every = static_cast<int>(every),
                 .turns = {}};
  for (index_t pair = 0; pair < pairs; ++pair) body.turns[pair] = position.frequency(pair, dim) / 6.28318530717958647692;
  kernel_detail::launch(machine, static_cast<int>(x.extent[0]), 1, body);
}
template <device_machine Machine>
void rotate(const Machine&, const no_rotation&, view<float, 3>, device_place, index_t = 1) {}

TENON_KERNELS_END
