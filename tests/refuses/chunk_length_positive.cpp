// expect: [mask.chunk.length] must be at least 1: positions are divided by it. Fix: the tokens of one block.
#include "../support/small_spec.hpp"

struct wrong : small_spec {
  static constexpr auto mask = tenon::causal{} & !tenon::chunk{.length = 0};
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
