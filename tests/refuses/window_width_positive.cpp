// expect: [mask.window.width] must be at least 1: a query sees itself. Fix: width = 1 or more; leave the window out to see all.
#include "../support/small_spec.hpp"

struct wrong : small_spec {
  static constexpr auto mask = tenon::causal{} & tenon::window{.width = 0};
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
