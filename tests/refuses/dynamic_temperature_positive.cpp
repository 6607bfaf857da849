// expect: [dynamic.temperature] must be positive: the surrogate gradient divides by it. Fix: leave it out, or 0.1.
#include <tenon/model/attention/dynamic.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::dynamic_spec dynamic{.temperature = 0};
};
static_assert(!tenon::layer<tenon::dynamic_attention<wrong>> || tenon::block<48, tenon::dynamic_attention<wrong>>::layers == 1);
