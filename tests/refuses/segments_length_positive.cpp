// expect: [segments.length] must be positive: it is how many tokens make a segment. Fix: 16 for segments of 16 tokens.
#include <tenon/model/attention/tri.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::segment_spec segments{};
};
static_assert(!tenon::layer<tenon::tri_attention<wrong>> || tenon::block<48, tenon::tri_attention<wrong>>::layers == 1);
