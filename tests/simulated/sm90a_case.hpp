#pragma once
// Attention of sm_90a on its simulated machine: maps of their operands made as the machine encodes them.

#include <tenon/kernels/launch/nvidia/attention_sm90a.hpp>

#include "attention_case.hpp"

namespace tenon::testing {

/// The call with its maps. Words: those that the kernel runs.
template <class Words, class Problem>
attention_tensor_arguments<Problem> with_maps(const attention_arguments<Problem>& a, int batches) {
  const auto map = [&](const bf16* first) { return simulation::encode(cache_shape(a, first, batches, a.length, Words::block_keys)); };
  return {a, {map(a.keys), map(a.values), a.length}};
}

}  // namespace tenon::testing
