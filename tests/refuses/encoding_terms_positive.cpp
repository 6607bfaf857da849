// expect: [encoding.terms] must be positive: it is how many frequencies encode a distance. Fix: 8; or use grouped attention.
#include <tenon/model/attention/three_d.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::encoding_spec encoding{};
  static constexpr auto weighting = tenon::softmax{};
};
static_assert(!tenon::layer<tenon::three_d_attention<wrong>> || tenon::block<48, tenon::three_d_attention<wrong>>::layers == 1);
