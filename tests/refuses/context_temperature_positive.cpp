// expect: [context.temperature] must be positive: it divides the logits. Fix: leave it out for 1; above 1 spreads the weights.
#include <tenon/model/attention/cross.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::context_spec context{.width = 40, .most_tokens = 9, .temperature = 0};
};
static_assert(!tenon::layer<tenon::cross_attention<wrong>> || tenon::block<48, tenon::cross_attention<wrong>>::layers == 1);
