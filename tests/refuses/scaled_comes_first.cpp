// expect: [score] 'scaled' must come first in a chain: it is the factor of q.k. Fix: scaled{...} >> the others.
#include <tenon/policies/score.hpp>

constexpr auto score = tenon::soft_cap{.cap = 30} >> tenon::scaled{};
