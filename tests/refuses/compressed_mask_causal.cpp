// expect: [mask] of linear weights must be causal in a layer: its state holds all tokens up to the query. Fix: causal{}, or softmax.
#include <tenon/model/attention/three_d.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::encoding_spec encoding{.terms = 2};
  static constexpr auto mask = tenon::full{};
  static constexpr auto weighting = tenon::linear{.features = tenon::elu_plus_one{}};
};
static_assert(!tenon::layer<tenon::three_d_attention<wrong>> || tenon::block<48, tenon::three_d_attention<wrong>>::layers == 1);
