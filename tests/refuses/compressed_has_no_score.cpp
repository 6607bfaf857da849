// expect: [score] of linear weights in a layer must be scaled{}: features take the place of scores. Fix: scaled{}, or softmax.
#include <tenon/model/attention/three_d.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::encoding_spec encoding{.terms = 2};
  static constexpr auto score = tenon::soft_cap{.cap = 50};
  static constexpr auto weighting = tenon::linear{.features = tenon::elu_plus_one{}};
};
static_assert(!tenon::layer<tenon::three_d_attention<wrong>> || tenon::block<48, tenon::three_d_attention<wrong>>::layers == 1);
