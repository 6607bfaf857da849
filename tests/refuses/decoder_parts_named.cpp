// expect: [decoder<Spec>] must name shape, attention, mask, score, position, gate and precision. Fix: add the missing member.
#include "../support/small_spec.hpp"

struct wrong {
  static constexpr auto shape = small_spec::shape;
  static constexpr auto attention = small_spec::attention;
};
static_assert(tenon::decoder<wrong>::parameters >= 0);
