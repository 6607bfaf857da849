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

/// Runs the layer forward and back over `in`, the gradient of its result being `by`, and returns the gradients it gives; also
/// checks that forward_saving gives what forward gives. `collect(gradients)` names those of the parameters.
template <class Layer, class Collect>
std::map<std::string, std::vector<float>> learn(layer_weights<Layer>& w, const std::vector<float>& in, const std::vector<float>& by, index_t width, const Collect& collect) {
  const index_t tokens = static_cast<index_t>(in.size()) / width;
  const view<const float, 2> x(in.data(), tokens, width);
  layer_run<Layer> plain(w.packed(), tokens), saving(w.packed(), tokens);
  const std::vector<float> want = plain.forward(in, width, {tokens});
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
