// expect: [mask] must be trivially copyable with 'bool keep(position) const': that is what a mask is. Fix: add the verb.
#include "../support/small_spec.hpp"

struct no_mask {
  bool hides(tenon::position) const { return false; }
};
struct wrong : small_spec {
  static constexpr no_mask mask{};
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
