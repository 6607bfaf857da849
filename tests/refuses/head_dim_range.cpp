// expect: [attention.head_dim] must be a multiple of 8 from 8 to 576: kernels work on whole vectors. Fix: change head_dim.
#include "../support/small_spec.hpp"

struct wrong : small_spec {
  static constexpr tenon::attention_spec attention{.query_heads = 4, .kv_heads = 2, .head_dim = 20};
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
