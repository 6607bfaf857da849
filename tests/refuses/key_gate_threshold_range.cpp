// expect: [key_gate.threshold] must lie in [0, 1], as gates do. Fix: 0 keeps every key, 0.05 drops those that hardly count.
#include <tenon/model/attention/gated_sparse.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::key_gate_spec key_gate{.threshold = -0.1f};
};
static_assert(!tenon::layer<tenon::gated_sparse_attention<wrong>> || tenon::block<48, tenon::gated_sparse_attention<wrong>>::layers == 1);
