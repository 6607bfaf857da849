// expect: [dynamic.threshold] must lie in [0, 1], as the weights of heads do. Fix: 0 computes every head, 0.1 skips the weakest.
#include <tenon/model/attention/dynamic.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::dynamic_spec dynamic{.threshold = 1.5f};
};
static_assert(!tenon::layer<tenon::dynamic_attention<wrong>> || tenon::block<48, tenon::dynamic_attention<wrong>>::layers == 1);
