// expect: [attention.kv_heads] must divide query_heads: each kv head serves an equal group. Fix: change kv_heads.
#include "../support/small_spec.hpp"

struct wrong : small_spec {
  static constexpr tenon::attention_spec attention{.query_heads = 4, .kv_heads = 3, .head_dim = 16};
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
