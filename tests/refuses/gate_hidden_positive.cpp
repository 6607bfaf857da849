// expect: [gate.hidden] must be positive: it is the width between the two products. Fix: name it, as in swiglu{.hidden = 1536}.
#include "../support/small_spec.hpp"

struct wrong : small_spec {
  static constexpr auto gate = tenon::swiglu{};
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
