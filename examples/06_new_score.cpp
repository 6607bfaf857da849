// A score of one's own with a learned operand: s - rate log(1 + |i - j|), one rate per head [KERPLE, Chi et al. 2022]. `adjust` is all
// that attention needs, forward and backward; the three members below it let the rate learn.

#include <cmath>
#include <cstdio>
#include <vector>

#include <tenon/kernels/launch/attention_backward.hpp>

struct log_distance {
  const float* rates;
  float* d_rates = nullptr;
  template <class T>
  constexpr T adjust(T s, tenon::position p) const {
    return s - T(rates[p.head] * fade(p));
  }
  static constexpr tenon::per learned = tenon::per::distance;  // what the derivative in the rate depends on
  constexpr bool learning() const { return d_rates != nullptr; }
  constexpr void learn(float ds, tenon::position p) const { d_rates[p.head] -= ds * fade(p); }
  static constexpr float fade(tenon::position p) { return tenon::log(1.0f + static_cast<float>(p.query < p.key ? p.key - p.query : p.query - p.key)); }
};

int main() {
  constexpr int tokens = 80, heads = 2, dim = 8;
  const std::size_t size = tokens * heads * dim;
  std::vector<float> x(size), out(size), sums(tokens * heads), d_out(size), dq(size), dk(size), dv(size), rates = {0.5f, 1.0f}, d_rates(heads);
  for (std::size_t i = 0; i < size; ++i) x[i] = std::sin(static_cast<float>(i)), d_out[i] = std::cos(0.3f * static_cast<float>(i));
  const tenon::cpu machine;
  const auto four = [](auto& data) { return tenon::view<float, 4>(data.data(), 1, tokens, heads, dim); };
  const tenon::view<float, 3> log_sum_exp(sums.data(), 1, tokens, heads);
  const auto loss = [&] {
    attend(machine, four(x), four(x), four(x), four(out), tenon::causal{}, log_distance{rates.data()}, tenon::softmax{}, tenon::fixed_split{}, log_sum_exp);
    double sum = 0;
    for (std::size_t i = 0; i < size; ++i) sum += static_cast<double>(out[i]) * static_cast<double>(d_out[i]);
    return sum;
  };
  loss();
  attend_backward(machine, {.q = four(x), .k = four(x), .v = four(x), .out = four(out), .log_sum_exp = log_sum_exp, .d_out = four(d_out)},
                  {.q = four(dq), .k = four(dk), .v = four(dv)}, tenon::causal{}, log_distance{rates.data(), d_rates.data()});
  bool right = true;
  for (std::size_t h = 0; h < heads; ++h) {
    const float at = rates[h], step = 1.0f / 64;
    const double above = (rates[h] = at + step, loss()), below = (rates[h] = at - step, loss()), difference = (above - below) / (2 * static_cast<double>(step));
    rates[h] = at;
    std::printf("head %zu: the gradient of its rate is %.4f, by differences %.4f\n", h, static_cast<double>(d_rates[h]), difference);
    right &= std::fabs(difference - static_cast<double>(d_rates[h])) < 0.01 * (1 + std::fabs(difference));
  }
  return right ? 0 : 1;
}
