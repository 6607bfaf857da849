// expect: [context] must give a positive width and most_tokens: memory is taken for them. Fix: set both.
#include <tenon/model/attention/cross.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::context_spec context{.width = 40};
};
static_assert(!tenon::layer<tenon::cross_attention<wrong>> || tenon::block<48, tenon::cross_attention<wrong>>::layers == 1);
