// expect: [score.alibi.heads] must equal attention.query_heads: each head has its own slope. Fix: alibi{.heads = query_heads}.
#include "../support/small_spec.hpp"

struct wrong : small_spec {
  static constexpr auto score = tenon::alibi{.heads = 8};
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
