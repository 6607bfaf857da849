// expect: [mask] of tri-attention must be causal or full: it means tokens within a segment and whole segments alike. Fix: one of the two.
#include <tenon/model/attention/tri.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::segment_spec segments{.length = 4};
  static constexpr auto mask = tenon::window{.width = 3};
};
static_assert(!tenon::layer<tenon::tri_attention<wrong>> || tenon::block<48, tenon::tri_attention<wrong>>::layers == 1);
