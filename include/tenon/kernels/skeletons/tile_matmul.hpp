#pragma once
// out = x w^T + bias + residual for one tile of out: sums stay in registers while stages of the depth pass through shared memory.
// x [token, depth], w [row, depth], out [token, row]. Moves: per tile, its tokens of x and its rows of w once. For GPUs; a processor's
// product streams packed panels instead (skeletons/matmul.hpp). Reference: kernels/reference/matmul.hpp.

#include <tenon/core/config.hpp>

TENON_KERNELS_BEGIN

/// The block's tile: sums of products along the depth, in order, then to the sink that `sink()` makes: late, so that it holds no registers.
template <class M, class Source, class Sink>
TENON_BOTH void tile_matmul(M& m, const Source& in, const Sink& sink) {
  m.clear();
  m.stream(in, [&](const auto& stage) TENON_LAMBDA { m.accumulate(stage); });
  m.store(sink());
}

TENON_KERNELS_END
