// expect: [score.soft_cap.cap] must be positive: scores are divided by it. Fix: copy it from the model, as in soft_cap{.cap = 50}.
#include "../support/small_spec.hpp"

struct wrong : small_spec {
  static constexpr auto score = tenon::scaled{.factor = 0.1f} >> tenon::soft_cap{.cap = 0};
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
