// What scores and sinks learn under softmax, on every GPU: attend, then attend_backward.
#define TENON_TEST_ARCHS tenon::sm80, tenon::sm90a, tenon::gfx90a, tenon::gfx942, tenon::gfx1100, tenon::gfx1201
#include "../../support/gpu_learned_case.hpp"
#include "../device_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

const auto everywhere = [](const auto& f) { on_simulated_gpus(f); };
const auto begins = [](const auto& machine) { return machine.how().schedule == simulation::schedule::reversed; };
std::span<float> all_of(std::vector<float>& x) { return {x.data(), x.size()}; }

/// A slope of one's own that all heads share, so that one thread must hear of all.
struct shared_slope {
  const float* rate;
  float* d_rate = nullptr;
  template <class T>
  TENON_BOTH constexpr T adjust(T s, position p) const {
    return s - T(*rate) * T(static_cast<float>(p.query - p.key) / 64);
  }
  static constexpr per learned = per::distance;
  TENON_BOTH constexpr bool learning() const { return d_rate != nullptr; }
  TENON_BOTH constexpr void learn(float ds, position p) const { *d_rate -= ds * static_cast<float>(p.query - p.key) / 64; }
};

TEST_CASE("sinks, waves, a cap, a bias by key and a slope that heads share, under softmax; attend, then attend_backward") {
  const backward_problem p = rounded_problem({4, 2, 64, 64}, 30, 100, 8);
  std::vector<float> cosine = numbers(8, 1), sine = numbers(8, 2), logits = numbers(4, 3), keys = numbers(100, 5), rate = {0.5f}, d_rate(1), d_cosine(8), d_sine(8), d_logits(4), d_keys(100);
  const auto score = fourier{.cosine = cosine.data(), .sine = sine.data(), .terms = 2, .d_cosine = d_cosine.data(), .d_sine = d_sine.data()} >> soft_cap{.cap = 3.0f} >>
                     key_bias{.values = keys.data(), .d_values = d_keys.data()} >> shared_slope{.rate = rate.data(), .d_rate = d_rate.data()};
  check_learned(p, {{all_of(cosine), all_of(d_cosine)}, {all_of(sine), all_of(d_sine)}, {all_of(logits), all_of(d_logits)}, {all_of(keys), all_of(d_keys)}, {all_of(rate), all_of(d_rate), 2e-2}},  // one number: what is left of a sum that cancels
                causal{} & window{.width = 60}, score,
                sink{.logits = logits.data(), .d_logits = d_logits.data()}, everywhere, begins);
}

TEST_CASE("a relative bias of keys on both sides, heads of 128; more queries than a tile, more distances than a block has") {
  const backward_problem p = rounded_problem({2, 1, 128, 128}, 170, 150, 9);
  std::vector<float> table = numbers(16, 4), d_table(16);
  check_learned(p, {{all_of(table), all_of(d_table)}}, full{}, relative_bias{.table = table.data(), .buckets = 8, .max_distance = 40, .d_table = d_table.data()}, softmax{}, everywhere, begins);
}

}  // namespace
