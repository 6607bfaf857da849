#pragma once
// out [token, row] = x [token, depth] w [row, depth]^T on a GPU with w in panels, as it is stored: weights become bf16 in registers, on their way
// to the matrix units. x is rounded to bf16 first, in the order that the words want, by arrange_body. Sums are single precision, one chain
// along the depth: a token's bits do not depend on its batch. Reference: kernels/reference/matmul.hpp, compute::bf16.

#include <tenon/core/number.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/shared/device_sink.hpp>
#include <tenon/kernels/skeletons/tile_matmul.hpp>

TENON_KERNELS_BEGIN

/// Values in the order of the depth: the place of pair `pair` of 16-byte chunk `chunk` of 32 values is this of them.
struct natural_order {
  TENON_BOTH static constexpr int order(int chunk, int pair) { return 8 * chunk + 2 * pair; }
};
template <class One, class Other>
consteval bool same_order() {
  for (int i = 0; i < 16; ++i)
    if (One::order(i / 4, i % 4) != Other::order(i / 4, i % 4)) return false;
  return true;
}

/// to [token, padded] = x [token, depth] as Number, bf16 or f16, zeros beyond the depth; every 32 values in the order of Order, words perhaps. Grid: x = tokens.
template <class Leaf, class Order, class Number = bf16>
struct arrange_body {
  static constexpr int threads = 128, shared_bytes = 0;
  const float* x;
  Number* to;
  index_t x_stride;
  int depth, padded;  ///< padded: the next multiple of 64
  bool wide;          ///< whether every row of x begins at a multiple of 8 bytes

  TENON_BOTH void operator()() const {
    const float* const from = x + Leaf::block_x() * x_stride;
    for (int chunk = Leaf::thread(); chunk < padded / 8; chunk += threads) {
      bits128 out;
      TENON_UNROLL for (int pair = 0; pair < 4; ++pair) {
        const int first = chunk / 4 * 32 + Order::order(chunk % 4, pair);
        bits64 two{};
        if (wide && first + 2 <= depth) {
          two = Leaf::load(reinterpret_cast<const bits64*>(from + first));
        } else {
          for (int e = 0; e < 2; ++e)
            if (first + e < depth) two.word[e] = bit_cast<std::uint32_t>(Leaf::load(from + first + e));
        }
        out.word[pair] = Leaf::template pack<Number>(bit_cast<float>(two.word[0]), bit_cast<float>(two.word[1]));
      }
      Leaf::store(reinterpret_cast<bits128*>(to + Leaf::block_x() * index_t{padded} + chunk * 8), out);
    }
  }
};

/// The kernel as a body. Grid: x = tiles of rows of out, y = tiles of tokens. With words of two matrices, out = open(x w[0]^T, x w[1]^T) by Join.
template <class Leaf, class Words, class Out, class Join>
struct panel_matmul_body {
  static constexpr int threads = Words::threads, shared_bytes = Words::shared_bytes;
  typename Words::source in;  ///< from token 0 and panel 0
  device_sink<Leaf, Out, Join> sink;

  TENON_BOTH void operator()() const {
    const int token = Leaf::block_y() * Words::block_tokens, panel = Leaf::block_x() * (Words::block_rows / 16);
    typename Words::source here = in;
    here.x += token * here.x_stride, here.tokens -= token, here.panels -= panel;
    for (auto& w : here.w) w += panel * here.pitch;
    Words m;
    tile_matmul(m, here, [&]() TENON_LAMBDA { return sink.from(Leaf::block_y() * Words::block_tokens, Leaf::block_x() * Words::block_rows); });
  }
};

/// That of a call. Where it takes more than the call, an overload for its words says so.
template <class Words, device_machine Machine, class Source, class Leaf, class Out, class Join>
auto panel_product_on(const Machine&, const Source& in, const device_sink<Leaf, Out, Join>& sink) {
  return panel_matmul_body<Leaf, Words, Out, Join>{in, sink};
}

TENON_KERNELS_END
