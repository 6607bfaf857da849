// expect: [dynamic.mean] of a whole block looks at tokens that the mask hides. Fix: decides_by::tokens_seen, or another mask.
#include <tenon/model/attention/dynamic.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::dynamic_spec dynamic{.mean = tenon::decides_by::whole_block};
};
static_assert(!tenon::layer<tenon::dynamic_attention<wrong>> || tenon::block<48, tenon::dynamic_attention<wrong>>::layers == 1);
