#pragma once
// The gradients of attention on AMD GPUs: their words with their tiles, for the kernels of launch/gpu/attention_backward.hpp.

#include <tenon/kernels/atoms/amd/attention_backward.hpp>
#include <tenon/kernels/launch/gpu/attention_backward.hpp>

TENON_KERNELS_BEGIN

/// The words that keep keys, and those that keep rows: four waves of CDNA, eight of RDNA, or four where these put aside what stays. `threads`,
/// `shared_bytes`, `block_keys` and `tile_rows` say how to launch them.
template <class Leaf>
consteval int amd_backward_waves(int dim) {
  return Leaf::lanes == 32 && dim > 64 ? 4 : 256 / Leaf::lanes;
}
template <class Leaf, class Problem>
using amd_attention_backward_keys = atoms::amd::attention_backward_words<Leaf, gradients_of::keys, Problem::dim, amd_backward_waves<Leaf>(Problem::dim), problem_number<Problem>>;
template <class Leaf, class Problem>
using amd_attention_backward_rows = atoms::amd::attention_backward_words<Leaf, gradients_of::rows, Problem::dim, amd_backward_waves<Leaf>(Problem::dim), problem_number<Problem>>;

TENON_KERNELS_END
