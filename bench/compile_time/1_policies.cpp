// Policies alone: masks composed, a score, a gate and its slopes. No machine, no memory.
#include <tenon/policies/gate.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/position.hpp>
#include <tenon/policies/score.hpp>

constexpr auto visible = tenon::causal{} & tenon::window{.width = 4096};
constexpr auto slopes = tenon::slopes(tenon::swiglu{.hidden = 8}, 1.0, 2.0);
bool keep(int query, int key) { return visible.keep({.query = query, .key = key}) && slopes.up > 0; }
