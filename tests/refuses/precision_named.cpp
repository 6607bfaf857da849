// expect: [precision] must name a 'cache' number and 'products(storage)'. Fix: full_precision, as_stored or a precision_policy.
#include "../support/small_spec.hpp"

struct wrong : small_spec {
  static constexpr int precision = 16;
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
