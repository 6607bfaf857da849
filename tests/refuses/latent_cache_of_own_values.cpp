// expect: [precision.cache] keeps a latent, and these heads have keys and values of their own. Fix: as in precision_policy<bf16>.
#include "../support/small_spec.hpp"

struct wrong : small_spec {
  static constexpr tenon::precision_policy<tenon::latent_and_rotary<tenon::e4m3_per_128>> precision{};
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
