// expect: [shape] must give a positive width, blocks and vocabulary: a decoder has at least one of each. Fix: set all three.
#include "../support/small_spec.hpp"

struct wrong : small_spec {
  static constexpr tenon::decoder_spec shape{.width = 64, .vocabulary = 260, .epsilon = 1e-5f};
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
