// Gradient descent on what policies learn: tokens shall copy the value of six tokens before, and give nothing where there is none.
// q and k are zero, so only the Fourier terms of the position and the sink can do it. Prints the learned bias over the distance;
// with --csv as numbers, which bench/plot_learned.py draws.

#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include <tenon/kernels/launch/attention_backward.hpp>

using tenon::view;
constexpr int tokens = 96, dim = 8, back = 6, terms = 10;

/// Adam [Kingma and Ba 2015] on one vector of parameters.
struct adam {
  std::vector<float> x, gradient, mean, square;
  explicit adam(std::size_t count) : x(count), gradient(count), mean(count), square(count) {}
  void step(int t, float rate) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      mean[i] = 0.9f * mean[i] + 0.1f * gradient[i], square[i] = 0.999f * square[i] + 0.001f * gradient[i] * gradient[i];
      x[i] -= rate * (mean[i] / (1 - std::pow(0.9f, static_cast<float>(t)))) / (std::sqrt(square[i] / (1 - std::pow(0.999f, static_cast<float>(t)))) + 1e-8f);
      gradient[i] = 0;
    }
  }
};

int main(int count, char** words) {
  const tenon::cpu machine;
  const std::size_t size = tokens * dim;
  std::vector<float> zero(size), v(size), out(size), sums(tokens), d_out(size), dq(size), dk(size), dv(size);
  adam cosine(terms), sine(terms), logit(1);
  const auto four = [](auto& x) { return view<float, 4>(x.data(), 1, tokens, 1, dim); };
  const tenon::fourier waves{.cosine = cosine.x.data(), .sine = sine.x.data(), .terms = terms, .first = 2.5f, .ratio = 0.75f, .d_cosine = cosine.gradient.data(), .d_sine = sine.gradient.data()};
  const tenon::sink sink{.logits = logit.x.data(), .d_logits = logit.gradient.data()};
  const view<float, 3> log_sum_exp(sums.data(), 1, tokens, 1);
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  float first = 0, loss = 0;
  for (int t = 1; t <= 400; ++t) {
    for (float& x : v) x = normal(random);
    attend(machine, four(zero), four(zero), four(v), four(out), tenon::causal{}, waves, sink, tenon::fixed_split{}, log_sum_exp);
    loss = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const float apart = out[i] - (i < back * dim ? 0.0f : v[i - back * dim]);
      loss += apart * apart / static_cast<float>(size);
      d_out[i] = 2 * apart / static_cast<float>(size);
    }
    first = t == 1 ? loss : first;
    attend_backward(machine, {.q = four(zero), .k = four(zero), .v = four(v), .out = four(out), .log_sum_exp = log_sum_exp, .d_out = four(d_out)},
                    {.q = four(dq), .k = four(dk), .v = four(dv)}, tenon::causal{}, waves, sink);
    for (adam* each : {&cosine, &sine, &logit}) each->step(t, 0.1f);
  }
  const bool csv = count > 1 && std::strcmp(words[1], "--csv") == 0;
  int peak = 0;
  const auto bias = [&](int distance) { return waves.adjust(0.0f, {.query = distance, .key = 0}); };
  if (csv) std::puts("distance,bias,sink");
  for (int d = 0; d < 24; ++d) {
    if (bias(d) > bias(peak)) peak = d;
    if (csv)
      std::printf("%d,%g,%g\n", d, static_cast<double>(bias(d)), static_cast<double>(logit.x[0]));
    else
      std::printf("%2d %7.2f %.*s\n", d, static_cast<double>(bias(d)), bias(d) > 0 ? static_cast<int>(3 * bias(d)) : 0, "############################################################");
  }
  if (!csv) std::printf("loss %.4f -> %.4f, sink %.2f, the bias is greatest at distance %d\n", static_cast<double>(first), static_cast<double>(loss), static_cast<double>(logit.x[0]), peak);
  return loss < first / 20 && peak == back ? 0 : 1;
}
