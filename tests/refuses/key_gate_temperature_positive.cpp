// expect: [key_gate.temperature] must be positive: the surrogate gradient divides by it. Fix: leave it out, or 0.1.
#include <tenon/model/attention/gated_sparse.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::key_gate_spec key_gate{.temperature = -1};
};
static_assert(!tenon::layer<tenon::gated_sparse_attention<wrong>> || tenon::block<48, tenon::gated_sparse_attention<wrong>>::layers == 1);
