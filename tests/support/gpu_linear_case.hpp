#pragma once
// Random problems of linear attention, run by the launch functions of a GPU's machine, with the answers of the reference in double.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <random>
#include <vector>

#include <tenon/kernels/launch/gpu/attend_linear_backward.hpp>
#include <tenon/kernels/reference/linear_attention.hpp>

namespace tenon::testing {

struct linear_sizes {
  int batch, heads, kv_heads, queries, keys;
};

/// q, k, v and d_out of Number; the reference's output and gradients of these.
template <class Number>
struct gpu_linear_case {
  linear_sizes of;
  int dim;
  std::vector<Number> q, k, v, d_out;
  std::vector<double> want, want_q, want_k, want_v;

  gpu_linear_case(linear_sizes s, int width) : of(s), dim(width) {
    std::mt19937 random(static_cast<unsigned>(s.queries * 1000 + s.keys));
    std::normal_distribution<float> normal;
    q.resize(count(s.heads, s.queries)), k.resize(count(s.kv_heads, s.keys)), v.resize(k.size()), d_out.resize(q.size());
    for (auto* all : {&q, &k, &v, &d_out})
      for (Number& x : *all) x = Number(static_cast<float>(bf16(normal(random))));
  }
  template <class Mask, class Features>
  void answer(const Mask& mask, const Features& features) {
    want.resize(q.size()), want_q.resize(q.size()), want_k.resize(k.size()), want_v.resize(v.size());
    const std::vector<double> dq = doubles(q), dk = doubles(k), dv = doubles(v), dd = doubles(d_out);
    for (int b = 0; b < of.batch; ++b) {
      const auto rows = [&](auto& x, int tokens, int heads) {
        return view<std::remove_reference_t<decltype(x[0])>, 4>(x.data(), of.batch, tokens, heads, dim)[b];
      };
      reference::attend_linear(rows(dq, of.queries, of.heads), rows(dk, of.keys, of.kv_heads), rows(dv, of.keys, of.kv_heads), rows(want, of.queries, of.heads), mask, linear<Features>{features},
                               rows(dd, of.queries, of.heads), rows(want_q, of.queries, of.heads), rows(want_k, of.keys, of.kv_heads), rows(want_v, of.keys, of.kv_heads), b);
    }
  }
  template <class Vector>
  auto queries(Vector& x) const {
    return view<std::remove_reference_t<decltype(x[0])>, 4>(x.data(), of.batch, of.queries, of.heads, dim);
  }
  template <class Vector>
  auto keys(Vector& x) const {
    return view<std::remove_reference_t<decltype(x[0])>, 4>(x.data(), of.batch, of.keys, of.kv_heads, dim);
  }

  /// Relative L2; infinite where something is no number.
  template <class Out>
  static double apart(const std::vector<Out>& got, const std::vector<double>& exact) {
    double off = 0, size = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      const double d = static_cast<double>(static_cast<float>(got[i])) - exact[i];
      off += d * d, size += exact[i] * exact[i];
    }
    const double all = std::sqrt(size == 0 ? off : off / size);
    return std::isnan(all) ? INFINITY : all;
  }

 private:
  std::size_t count(int heads, int tokens) const { return static_cast<std::size_t>(of.batch) * static_cast<std::size_t>(heads) * static_cast<std::size_t>(tokens) * static_cast<std::size_t>(dim); }
  static std::vector<double> doubles(const std::vector<Number>& from) {
    std::vector<double> to;
    for (const Number x : from) to.push_back(static_cast<double>(static_cast<float>(x)));
    return to;
  }
};

template <class T>
std::vector<T> unwritten(std::size_t count) {
  return std::vector<T>(count, T(std::numeric_limits<float>::quiet_NaN()));
}

/// The distance of attend's output.
template <class Number, class Out, class Machine, class Mask, class Features>
double linear_distance(const Machine& machine, linear_sizes s, int dim, const Mask& mask, const Features& features) {
  gpu_linear_case<Number> c(s, dim);
  c.answer(mask, features);
  auto out = unwritten<Out>(c.q.size());
  attend(machine, c.queries(c.q), c.keys(c.k), c.keys(c.v), c.queries(out), mask, scaled{}, linear<Features>{features});
  return c.apart(out, c.want);
}
/// That of the rounding of features, values and results.
template <class Number, class Out, class Machine, class Mask, class Features>
void check_linear(const Machine& machine, linear_sizes s, int dim, const Mask& mask, const Features& features) {
  CAPTURE(s.queries);
  CAPTURE(s.keys);
  CHECK(linear_distance<Number, Out>(machine, s, dim, mask, features) <= 4e-3);
}

/// A sequence of one kv head's group, continued by these numbers of tokens, from a state that holds no numbers at first.
template <class Number, class Machine, class Features = elu_plus_one>
double recurrent_distance(const Machine& machine, int heads, int kv_heads, int dim, std::initializer_list<int> pieces, const Features& features = {}) {
  int tokens = 0;
  for (const int piece : pieces) tokens += piece;
  gpu_linear_case<Number> c({1, heads, kv_heads, tokens, tokens}, dim);
  c.answer(causal{}, features);
  const linear<Features> weighting{features};
  const tenon::heads shape{heads, kv_heads, dim, dim};
  const auto on = [&](const std::vector<Number>& x) {
    auto memory = allocate(machine, x.size() * sizeof(Number), "an array of a test", memory_use::constants);
    std::copy(x.begin(), x.end(), reinterpret_cast<Number*>(memory.data()));
    return memory;
  };
  const auto q = on(c.q), k = on(c.k), v = on(c.v);
  const auto state = allocate(machine, linear_state_bytes(machine, shape, weighting), "the state"), out = allocate(machine, c.q.size() * sizeof(Number), "out"),
             scratch = allocate(machine, linear_scratch(machine, shape, weighting), "scratch");
  const std::vector<float> nothing(linear_state_bytes(machine, shape, weighting) / sizeof(float), std::numeric_limits<float>::quiet_NaN());
  machine.copy(state.data(), nothing.data(), nothing.size() * sizeof(float));
  const auto rows = [&]<class T>(const auto& memory, int head_count, T*) { return view<T, 3>(reinterpret_cast<T*>(memory.data()), tokens, head_count, dim); };
  const Number* const read = nullptr;
  int first = 0;
  for (const int piece : pieces) {
    const auto of = [&](const auto& memory, int head_count, auto* kind) { return rows(memory, head_count, kind).rows(first, piece); };
    attend_recurrent(machine, of(q, heads, read), of(k, kv_heads, read), of(v, kv_heads, read), of(out, heads, static_cast<Number*>(nullptr)), weighting, state.data(), first, scratch.data());
    first += piece;
  }
  await(machine);
  const auto* const got = reinterpret_cast<const Number*>(out.data());
  return c.apart(std::vector<Number>(got, got + c.q.size()), c.want);
}
template <class Number, class Machine, class Features = elu_plus_one>
void check_recurrent(const Machine& machine, int heads, int kv_heads, int dim, std::initializer_list<int> pieces, const Features& features = {}) {
  CHECK(recurrent_distance<Number>(machine, heads, kv_heads, dim, pieces, features) <= 4e-3);
}

/// Operands of waves for up to 6 heads, of which 3 have a weight near 0 at a distance of 0.
inline std::vector<float> wave_operands(int terms) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> of(static_cast<std::size_t>(12 * terms));
  for (float& x : of) x = normal(random);
  for (int head = 3; head < 6; ++head)
    for (int f = 0; f < terms; ++f) {
      float& a = of[static_cast<std::size_t>(head * terms + f)];
      a = -std::fabs(a), of[static_cast<std::size_t>((6 + head) * terms + f)] = 0;
    }
  return of;
}
/// with_waves over operands of that kind.
template <class Inner = elu_plus_one>
with_waves<Inner> waves_over(const float* operands, int terms, const Inner& inner = {}) {
  return {.inner = inner, .cosine = operands, .sine = operands + 6 * terms, .terms = terms, .floor = 0.25f, .first = 0.9f, .ratio = 0.4f};
}

/// Directions of up to 200 random_exponentials of heads of 128.
inline std::vector<float> random_directions() {
  std::mt19937 random(6);
  std::normal_distribution<float> normal;
  std::vector<float> of(200 * 128);
  for (float& x : of) x = normal(random);
  return of;
}

/// The greatest distance of dq, dk and dv, which are also written to `bits` if that is there.
template <class Number, class Out, class Machine, class Mask, class Features>
double linear_backward_distance(const Machine& machine, linear_sizes s, int dim, const Mask& mask, const Features& features, std::vector<Out>* bits = nullptr) {
  gpu_linear_case<Number> c(s, dim);
  c.answer(mask, features);
  auto dq = unwritten<Out>(c.q.size()), dk = unwritten<Out>(c.k.size()), dv = dk;
  attend_backward(machine, {.q = c.queries(c.q), .k = c.keys(c.k), .v = c.keys(c.v), .out = {}, .log_sum_exp = {}, .d_out = c.queries(c.d_out)},
                  attention_gradients{.q = c.queries(dq), .k = c.keys(dk), .v = c.keys(dv)}, mask, scaled{}, linear<Features>{features});
  const double of_q = c.apart(dq, c.want_q), of_k = c.apart(dk, c.want_k), of_v = c.apart(dv, c.want_v);
  CAPTURE(of_q);
  CAPTURE(of_k);
  CAPTURE(of_v);
  if (bits != nullptr) *bits = dq, bits->insert(bits->end(), dk.begin(), dk.end()), bits->insert(bits->end(), dv.begin(), dv.end());
  return std::max({of_q, of_k, of_v});
}

/// The same where waves of `terms` terms learn, and how far that is off finite differences of the reference. Operands and their gradients lie in
/// Array<float>(count, name).
struct learned_distance {
  double gradients, operands;
};
template <template <class> class Array, class Machine, class Inner = elu_plus_one>
learned_distance waves_learned(const Machine& machine, linear_sizes s, int dim, int terms, std::vector<float>* bits = nullptr, const Inner& inner = {}) {
  const std::vector<float> drawn = wave_operands(terms);
  Array<float> values(drawn.size(), "the waves"), found(drawn.size(), "what they learn");
  std::copy(drawn.begin(), drawn.end(), values.data());
  std::fill(found.data(), found.data() + drawn.size(), 0.5f);  // it is added to
  auto waves = waves_over(values.data(), terms, inner);
  waves.d_cosine = found.data(), waves.d_sine = found.data() + 6 * terms;
  learned_distance off{linear_backward_distance<bf16, float>(machine, s, dim, causal{}, waves, bits), 0};
  gpu_linear_case<bf16> c(s, dim);
  const auto loss = [&] {
    c.answer(causal{}, waves_over(values.data(), terms, inner));
    double sum = 0;
    for (std::size_t i = 0; i < c.want.size(); ++i) sum += c.want[i] * static_cast<double>(static_cast<float>(c.d_out[i]));
    return sum;
  };
  std::vector<float> got;
  std::vector<double> want;
  for (const int side : {0, 6 * terms})
    for (int i = side; i < side + s.heads * terms; ++i) {
      float& x = values.data()[i];
      const float kept = x, above = kept + 1.0f / 256, below = kept - 1.0f / 256;
      x = above;
      const double up = loss();
      x = below;
      want.push_back((up - loss()) / (static_cast<double>(above) - static_cast<double>(below)));
      x = kept;
      got.push_back(found.data()[i] - 0.5f);
    }
  off.operands = c.apart(got, want);
  if (bits != nullptr) bits->insert(bits->end(), got.begin(), got.end());
  return off;
}

}  // namespace tenon::testing
