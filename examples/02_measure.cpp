// Measures a gate of one's own on one's own shapes, beside silu and beside what the processor can do at most.

#include <vector>

#include <tenon/bench.hpp>
#include <tenon/kernels/launch/gate.hpp>

/// A gate with a slope of its own below zero: one verb is all that a gate is.
struct leaky {
  float slope;
  template <tenon::number T>
  constexpr T open(T gate, T up) const {
    return tenon::choose(gate > T(0), gate, slope * gate) * up;
  }
};

int main(int count, char** words) {
  constexpr tenon::index_t tokens = 512, hidden = 1536;
  std::vector<float> gate(tokens * hidden, 0.5f), up = gate, out = gate;
  const tenon::view<float, 2> g(gate.data(), tokens, hidden), u(up.data(), tokens, hidden), o(out.data(), tokens, hidden);

  const tenon::cpu machine;
  const tenon::bench::work moved{.bytes = 3.0 * sizeof(float) * tokens * hidden, .items = tokens};
  tenon::bench::add("leaky", machine, moved, [=] { open_gate(machine, leaky{.slope = 0.1f}, g, u, o); });
  tenon::bench::add("silu", machine, moved, [=] { open_gate(machine, tenon::silu{}, g, u, o); });
  return tenon::bench::run(count, words);
}
