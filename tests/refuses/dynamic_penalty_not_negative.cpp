// expect: [dynamic.penalty] must not be negative: it would make the generator's weights grow without end. Fix: 0 for none, 1e-4.
#include <tenon/model/attention/dynamic.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::dynamic_spec dynamic{.penalty = -1};
};
static_assert(!tenon::layer<tenon::dynamic_attention<wrong>> || tenon::block<48, tenon::dynamic_attention<wrong>>::layers == 1);
