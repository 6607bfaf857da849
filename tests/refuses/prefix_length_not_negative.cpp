// expect: [mask.prefix.length] must not be negative: it counts keys from the first. Fix: length = 0 or more.
#include "../support/small_spec.hpp"

struct wrong : small_spec {
  static constexpr auto mask = tenon::causal{} | tenon::prefix{.length = -1};
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
