#pragma once
// Ways in which warps and copies may follow one another.

#include <tenon/kernels/launch/simulated.hpp>

namespace tenon::testing {

struct order {
  simulation::schedule schedule;
  simulation::copies copies;
};
/// What every kernel is run in: two, and where time is no object a third.
inline constexpr order orders[] = {{simulation::schedule::reversed, simulation::copies::lazy},
                                   {simulation::schedule::random, simulation::copies::eager},
#if defined(TENON_EXHAUSTIVE)
                                   {simulation::schedule::round_robin, simulation::copies::lazy},
#endif
};

}  // namespace tenon::testing
