// expect: [attention] must give positive query_heads and kv_heads. Fix: set both; kv_heads = query_heads is plain attention.
#include "../support/small_spec.hpp"

struct wrong : small_spec {
  static constexpr tenon::attention_spec attention{.query_heads = 4, .head_dim = 16};
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
