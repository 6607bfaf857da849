#pragma once
// attend on a simulated GPU: the call of every machine. The kernel is the one that runs on the device; what it did wrong is in machine.report().

#include <tenon/kernels/launch/amd/words.hpp>
#include <tenon/kernels/launch/gpu/attend_views.hpp>
#include <tenon/kernels/launch/nvidia/attention_sm90a.hpp>
#include <tenon/kernels/launch/nvidia/sm75.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>
#include <tenon/kernels/launch/simulated.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>
#include <tenon/policies/weighting.hpp>

TENON_KERNELS_BEGIN

/// Of sm_75 and sm_90a there is attention over views; launch functions of models run the kernels of sm_80 on sm_90a, and none on sm_75.
template <>
struct words_of<sm75> {
  using number = f16;
  template <class Leaf, class Problem>
  using attention = sm75_attention<Leaf, Problem>;
};
template <>
struct words_of<sm90a> {
  template <class Leaf, class Problem>
  using attention = sm90a_attention<Leaf, Problem>;
};

/// Its kernel takes maps of keys and values; found by the type of the machine (launch/gpu/attend_views.hpp).
template <class Words, class Problem>
auto attention_on(const simulated<sm90a>&, const attention_arguments<Problem>& a, index_t batches) {
  const auto map = [&](const bf16* first) { return simulation::encode(cache_shape(a, first, static_cast<int>(batches), Words::block_keys)); };
  return attention_tensor_body<overlapped, simulated<sm90a>::leaf, Words, Problem>{{a, map(a.keys), map(a.values)}};
}

TENON_KERNELS_END
