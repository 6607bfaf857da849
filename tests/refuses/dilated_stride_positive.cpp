// expect: [mask.dilated.stride] must be at least 1: distances are divided by it. Fix: stride = 1 sees every key.
#include "../support/small_spec.hpp"

struct wrong : small_spec {
  static constexpr auto mask = tenon::causal{} & (tenon::window{.width = 8} | tenon::dilated{.stride = 0});
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
