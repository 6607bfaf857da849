// expect: [score] must be trivially copyable with 'T adjust(T, position) const' for every T. Fix: add the verb, a template.
#include "../support/small_spec.hpp"

struct no_score {
  int adjust(int s) const { return s; }
};
struct wrong : small_spec {
  static constexpr no_score score{};
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
