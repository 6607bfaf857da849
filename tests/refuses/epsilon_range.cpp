// expect: [shape.epsilon] must lie in (0, 0.1): every RMSNorm divides by it at zero. Fix: copy it from the model's configuration.
#include "../support/small_spec.hpp"

struct wrong : small_spec {
  static constexpr tenon::decoder_spec shape{.width = 64, .blocks = 2, .vocabulary = 260};
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
