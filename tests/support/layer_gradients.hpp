#pragma once
// The gradients of a layer against finite differences of its definition in double.

#include <doctest/doctest.h>

#include <functional>

#include "layer_runs.hpp"

namespace tenon_test {

/// The parameters of a layer in double, by name; `in` is among them under "in".
struct parameters {
  std::map<std::string, doubles> all;
  const doubles& operator[](const std::string& name) const { return all.at(name); }
};

/// `learned`: what the layer's backward pass gave, by the names of its parameters and "in". `loss` is the definition.
inline void check_slopes(parameters at, const std::map<std::string, std::vector<float>>& learned, const std::function<double(const parameters&)>& loss) {
  REQUIRE(learned.size() == at.all.size());
  std::mt19937 random(17);
  for (const auto& [name, gradient] : learned) {
    CAPTURE(name);
    doubles& values = at.all.at(name);
    REQUIRE(values.size() == gradient.size());
    double most = 0;
    for (const float g : gradient) most = std::max(most, static_cast<double>(std::abs(g)));
    CHECK(most > 1e-6);  // a gradient that is nowhere would agree with itself
    for (int draw = 0; draw < 5; ++draw) {
      const std::size_t i = random() % values.size();
      const double kept = values[i], step = 1e-5;
      values[i] = kept + step;
      const double up = loss(at);
      values[i] = kept - step;
      const double slope = (up - loss(at)) / (2 * step);
      values[i] = kept;
      CAPTURE(i);
      CHECK(std::abs(slope - static_cast<double>(gradient[i])) <= 1e-4 * most);
    }
  }
}

/// The same for long inputs, whose definition is slow: along directions in which all parameters move at once.
inline void check_along(const parameters& at, const std::map<std::string, std::vector<float>>& learned, const std::function<double(const parameters&)>& loss) {
  REQUIRE(learned.size() == at.all.size());
  for (unsigned draw = 1; draw <= 2; ++draw) {
    double expected = 0, sizes = 0;
    const double step = 1e-6;
    parameters up = at, down = at;
    unsigned seed = 100 * draw;
    for (const auto& [name, gradient] : learned) {
      REQUIRE(at[name].size() == gradient.size());
      const std::vector<float> along = random_floats(static_cast<index_t>(gradient.size()), ++seed);
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        const double g = static_cast<double>(gradient[i]), d = static_cast<double>(along[i]);
        expected += g * d, sizes += g * g;
        up.all[name][i] += step * d, down.all[name][i] -= step * d;
      }
    }
    CHECK(std::abs((loss(up) - loss(down)) / (2 * step) - expected) <= 1e-4 * std::sqrt(sizes));
  }
}
inline void check_gradients(const parameters& at, const std::map<std::string, std::vector<float>>& learned, const std::function<double(const parameters&)>& loss) {
  at["in"].size() > 10000 ? check_along(at, learned, loss) : check_slopes(at, learned, loss);
}
/// More tokens than a block of the arena has.
inline constexpr index_t many_tokens = tenon::block_tokens + 75;

/// Runs the layer forward and back over `in`, the gradient of its result being `by`, and returns the gradients it gives; also
/// checks that forward_saving gives what forward gives. `collect(gradients)` names those of the parameters.
template <class Layer, class Collect>
std::map<std::string, std::vector<float>> learn(layer_weights<Layer>& w, const std::vector<float>& in, const std::vector<float>& by, index_t width, const Collect& collect) {
  const index_t tokens = static_cast<index_t>(in.size()) / width;
  const view<const float, 2> x(in.data(), tokens, width);
  layer_run<Layer> plain(w.packed(), tokens), saving(w.packed(), tokens);
  const std::vector<float> want = plain.forward(in, width, {std::min(tokens, tenon::block_tokens)});
  std::vector<float> out(in.size()), in_gradient(in.size());
  typename Layer::saved kept;
  typename Layer::gradients to;
  Layer::forward_saving(saving.now(0, tokens), w.packed(), saving.state(), kept, x, view<float, 2>(out.data(), tokens, width));
  CHECK(apart(out, doubles(want.begin(), want.end())) < 1e-6);
  Layer::backward(saving.now(0, tokens), w.packed(), kept, view<const float, 2>(by.data(), tokens, width), view<float, 2>(in_gradient.data(), tokens, width), to);
  std::map<std::string, std::vector<float>> found = collect(to);
  found["attn_q.weight"] = to.query, found["attn_k.weight"] = to.key, found["attn_v.weight"] = to.value, found["attn_output.weight"] = to.output;
  found["in"] = in_gradient;
  return found;
}

template <class Layer>
parameters in_double(const layer_weights<Layer>& w, const std::vector<float>& in) {
  parameters out;
  for (const auto& [name, values] : w.all()) out.all[name] = doubles(values.begin(), values.end());
  out.all["in"] = doubles(in.begin(), in.end());
  return out;
}
inline double dot(const doubles& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * static_cast<double>(b[i]);
  return sum;
}

/// 1[x >= threshold] as its surrogate has it learn: right where the definition was first asked, and there of the surrogate's slope.
struct straight_through {
  double threshold, temperature;
  std::vector<double> first = {};  ///< x where it was first asked, in order
  double operator()(std::size_t which, double x) {
    if (which >= first.size()) first.push_back(x);
    const double from = first[which];
    const auto soft = [&](double at) { return logistic_of((at - threshold) / temperature); };
    return (from >= threshold ? 1 : 0) + (threshold > 0 ? soft(x) - soft(from) : 0);
  }
};

}  // namespace tenon_test
