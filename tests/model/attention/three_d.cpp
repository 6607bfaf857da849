// 3D attention against its definition in double, and the law of its task encoding: softmax cancels it, sigmoid does not.
#include <doctest/doctest.h>

#include <tenon/model/attention/three_d.hpp>

#include "../../support/layer_runs.hpp"

namespace {

using namespace tenon_test;
constexpr index_t width = 48, query_heads = 6, dim = 16;

struct by_softmax : attention_parts {
  static constexpr tenon::encoding_spec encoding{.terms = 4};
  static constexpr auto weighting = tenon::softmax{};
};
struct by_sigmoid : attention_parts {
  static constexpr tenon::encoding_spec encoding{.terms = 3, .first = 2, .ratio = 0.25f, .task = tenon::task_encoding::learned};
  static constexpr auto weighting = tenon::sigmoid{.bias = -2};
};
static_assert(tenon::layer<tenon::three_d_attention<by_softmax>> && tenon::layer<tenon::three_d_attention<by_sigmoid>>);
static_assert(tenon::count_parameters<tenon::three_d_attention<by_softmax>>() == 48 * (96 + 2 * 32 + 96) + 2 * 6 * 4);

// q . e / sqrt(d), q before its rotation.
template <class Weights>
std::vector<float> task_values(const doubles& x, const Weights& w, const std::vector<float>& task) {
  const doubles q = dense(x, width, w["attn_q.weight"]);
  std::vector<float> out;
  for (std::size_t row = 0; row * dim < q.size(); ++row) {
    double sum = 0;
    for (std::size_t d = 0; d < dim; ++d) sum += q[row * dim + d] * static_cast<double>(task[row % query_heads * dim + d]);
    out.push_back(static_cast<float>(sum / std::sqrt(static_cast<double>(dim))));
  }
  return out;
}

template <class Spec>
void check(index_t tokens, unsigned seed) {
  using layer = tenon::three_d_attention<Spec>;
  layer_weights<layer> w(seed);
  const std::vector<float> in = random_floats(tokens * width, seed + 100);
  const doubles x(in.begin(), in.end());
  const qkv attention(x, w, Spec::attention, width, 100);
  const tenon::fourier position{.cosine = w["attn_position_cos.weight"].data(), .sine = w["attn_position_sin.weight"].data(), .terms = Spec::encoding.terms,
                                .first = Spec::encoding.first, .ratio = Spec::encoding.ratio};
  const std::vector<float> task = task_values(x, w, Spec::encoding.task == tenon::task_encoding::learned ? w["attn_task.weight"] : std::vector<float>(query_heads * dim));
  const doubles mixed = attention.attend(Spec::mask, Spec::score >> position >> tenon::task{.values = task.data(), .heads = query_heads}, Spec::weighting);
  layer_run<layer> run(w.packed(), tokens);
  const std::vector<float> at_once = run.forward(in, width, {tokens});
  CHECK(apart(at_once, dense(mixed, 96, w["attn_output.weight"])) < 2e-6);
  CHECK(run.forward(in, width, {1, 6, 1}) == at_once);
}

TEST_CASE("content, position and task in one score, whatever the blocks") {
  for (const int tokens : {1, 7, 40}) {
    check<by_softmax>(tokens, 1);
    check<by_sigmoid>(tokens, 2);
  }
}

struct compressed : attention_parts {
  static constexpr tenon::encoding_spec encoding{.terms = 3, .first = 0.9f, .ratio = 0.4f};
  static constexpr auto weighting = tenon::linear{.features = tenon::elu_plus_one{}};
};
static_assert(tenon::layer<tenon::three_d_attention<compressed>>);

TEST_CASE("the compressed form: blocks, decoding, a state of constant size") {
  using layer = tenon::three_d_attention<compressed>;
  CHECK(layer::state_bytes(tenon::cpu(), 8) == layer::state_bytes(tenon::cpu(), 1 << 20));
  layer_weights<layer> w(6);
  for (const int tokens : {1, 70, 200}) {
    CAPTURE(tokens);
    const std::vector<float> in = random_floats(tokens * width, 7);
    const doubles x(in.begin(), in.end());
    const qkv attention(x, w, compressed::attention, width, 100);
    const auto phi = [](double v) { return v > 0 ? v + 1 : std::exp(v); };
    doubles mixed(attention.q.size());
    for (index_t h = 0; h < query_heads; ++h)
      for (index_t i = 0; i < tokens; ++i) {
        double total = 0;
        double* at = &mixed[static_cast<std::size_t>((i * query_heads + h) * dim)];
        for (index_t j = 0; j <= i; ++j) {
          double agreement = 0, wave = 1, frequency = static_cast<double>(compressed::encoding.first);
          for (index_t d = 0; d < dim; ++d) agreement += phi(attention.query()(i, h, d)) * phi(attention.key()(j, h / 3, d));
          for (index_t f = 0; f < 3; ++f, frequency *= static_cast<double>(compressed::encoding.ratio)) {
            const auto a = static_cast<double>(w["attn_position_cos.weight"][static_cast<std::size_t>(h * 3 + f)]), b = static_cast<double>(w["attn_position_sin.weight"][static_cast<std::size_t>(h * 3 + f)]);
            wave += std::sqrt(a * a + b * b) + a * std::cos(frequency * static_cast<double>(i - j)) + b * std::sin(frequency * static_cast<double>(i - j));
          }
          total += agreement * wave;
          for (index_t d = 0; d < dim; ++d) at[d] += agreement * wave * attention.value()(j, h / 3, d);
        }
        for (index_t d = 0; d < dim; ++d) at[d] /= total;
      }
    const doubles want = dense(mixed, 96, w["attn_output.weight"]);
    layer_run<layer> run(w.packed(), tokens);
    const std::vector<float> at_once = run.forward(in, width, {tokens});
    CHECK(apart(at_once, want) < 2e-6);
    CHECK(run.forward(in, width, {1, 6, 70, 1}) == at_once);  // from 0 again
    if (tokens < 70) continue;
    const index_t back = tokens / 64 * 64 + 2;  // within the last chunk of its sums
    const std::vector<float> again = run.forward(in, width, back, tokens - back);
    CHECK(std::equal(again.begin(), again.end(), at_once.begin() + back * width));
    CHECK_THROWS_AS(run.forward(in, width, back - 3, 1), tenon::error);
  }
}

TEST_CASE("softmax cancels the task encoding, sigmoid does not") {
  constexpr index_t tokens = 30;
  layer_weights<tenon::three_d_attention<by_sigmoid>> w(3);
  const std::vector<float> in = random_floats(tokens * width, 4);
  const doubles x(in.begin(), in.end());
  const qkv attention(x, w, by_sigmoid::attention, width, 100);
  const std::vector<float> values = task_values(x, w, random_floats(query_heads * dim, 5, 3));
  const auto with = tenon::scaled{} >> tenon::task{.values = values.data(), .heads = query_heads};
  const auto difference = [](const doubles& a, const doubles& b) { return apart({a.begin(), a.end()}, b); };
  CHECK(difference(attention.attend(tenon::causal{}, with), attention.attend(tenon::causal{})) < 1e-7);
  // And so it is with the kernel, to the rounding of its scores.
  const auto kernel = [&](const auto& score, const auto& weighting) {
    const auto narrow = [](const doubles& from) { return std::vector<float>(from.begin(), from.end()); };
    const std::vector<float> q = narrow(attention.q), k = narrow(attention.k), v = narrow(attention.v);
    std::vector<float> out(q.size());
    tenon::attend(tenon::cpu(), view<const float, 4>(q.data(), 1, tokens, query_heads, dim), view<const float, 4>(k.data(), 1, tokens, 2, dim), view<const float, 4>(v.data(), 1, tokens, 2, dim),
                  view<float, 4>(out.data(), 1, tokens, query_heads, dim), tenon::causal{}, score, weighting);
    return out;
  };
  const std::vector<float> plain = kernel(tenon::scaled{}, tenon::softmax{}), opened = kernel(with, tenon::sigmoid{});
  CHECK(apart(kernel(with, tenon::softmax{}), doubles(plain.begin(), plain.end())) < 2e-6);
  CHECK(apart(opened, attention.attend(tenon::causal{}, with, tenon::sigmoid{})) < 2e-6);
  CHECK(apart(kernel(tenon::scaled{}, tenon::sigmoid{}), doubles(opened.begin(), opened.end())) > 0.1);
  CHECK(difference(attention.attend(tenon::causal{}, with, tenon::sigmoid{}), attention.attend(tenon::causal{}, tenon::scaled{}, tenon::sigmoid{})) > 0.1);
}

}  // namespace
