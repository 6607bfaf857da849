// expect: [encoding.floor] must be positive: where the series is at its least, nothing else is left of a weight. Fix: leave it out for 1.
#include <tenon/model/attention/three_d.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::encoding_spec encoding{.terms = 2, .floor = 0};
  static constexpr auto weighting = tenon::linear{.features = tenon::elu_plus_one{}};
};
static_assert(!tenon::layer<tenon::three_d_attention<wrong>> || tenon::block<48, tenon::three_d_attention<wrong>>::layers == 1);
