// The gradients of gated sparse attention and of 3D attention against finite differences of their definitions in double.
#include <tenon/model/attention/gated_sparse.hpp>
#include <tenon/model/attention/three_d.hpp>

#include "../../support/layer_gradients.hpp"

namespace {

using namespace tenon_test;
constexpr index_t width = 48;

template <int Percent>
struct sparse : attention_parts {
  static constexpr tenon::key_gate_spec key_gate{.threshold = 0.01f * Percent, .temperature = 0.3f};
};
struct by_softmax : attention_parts {
  static constexpr tenon::encoding_spec encoding{.terms = 3};
  static constexpr auto weighting = tenon::softmax{};
};
struct by_sigmoid : attention_parts {
  static constexpr tenon::encoding_spec encoding{.terms = 2, .first = 2, .ratio = 0.25f, .task = tenon::task_encoding::learned};
  static constexpr auto weighting = tenon::sigmoid{.bias = -1};
};
static_assert(tenon::trainable_layer<tenon::gated_sparse_attention<sparse<40>>> && tenon::trainable_layer<tenon::three_d_attention<by_sigmoid>>);

// Causal attention: weigh(h, i, j, q . k / sqrt(d)) is the weight of a key, divided by their sum where `shares`; a query whose
// `sees(j)` is nowhere true gets 0.
template <class Weigh, class Sees>
doubles attend(const qkv& x, bool shares, const Weigh& weigh, const Sees& sees) {
  doubles out(x.q.size());
  for (index_t h = 0; h < 6; ++h)
    for (index_t i = 0; i < x.tokens; ++i) {
      double total = 0, seen = 0;
      const auto at = [&](index_t c) -> double& { return out[static_cast<std::size_t>((i * 6 + h) * 16 + c)]; };
      for (index_t j = 0; j <= i; ++j) {
        double s = 0;
        for (index_t d = 0; d < 16; ++d) s += x.query()(i, h, d) * x.key()(j, h / 3, d) / 4;
        const double by = weigh(h, i, j, s);
        total += by, seen += sees(j);
        for (index_t c = 0; c < 16; ++c) at(c) += by * x.value()(j, h / 3, c);
      }
      for (index_t c = 0; c < 16; ++c) at(c) = seen == 0 ? 0 : shares ? at(c) / total : at(c);
    }
  return out;
}

template <class Spec>
void check_sparse(unsigned seed, index_t tokens = 11) {
  using layer = tenon::gated_sparse_attention<Spec>;
  layer_weights<layer> w(seed);
  const std::vector<float> in = random_floats(tokens * width, seed + 1), by = random_floats(tokens * width, seed + 2);
  const auto found = learn<layer>(w, in, by, width, [](const auto& to) {
    return std::map<std::string, std::vector<float>>{{"attn_key_gate.weight", to.gate}, {"attn_key_gate.bias", to.gate_bias}};
  });
  straight_through opens{static_cast<double>(Spec::key_gate.threshold), static_cast<double>(Spec::key_gate.temperature)};
  index_t kept = 0;
  const auto loss = [&](const parameters& p) {
    const doubles z = dense(p["in"], width, p["attn_key_gate.weight"], p["attn_key_gate.bias"]);
    doubles open;
    kept = 0;
    for (std::size_t j = 0; j < z.size(); ++j) open.push_back(logistic_of(z[j]) * opens(j, logistic_of(z[j]))), kept += opens.first[j] >= opens.threshold;
    const doubles mixed = attend(qkv(p["in"], p, Spec::attention, width, 100), true, [&](index_t, index_t, index_t j, double s) { return open[static_cast<std::size_t>(j)] * std::exp(s); },
                                 [&](index_t j) { return opens.first[static_cast<std::size_t>(j)] >= opens.threshold; });
    return dot(dense(mixed, 96, p["attn_output.weight"]), by);
  };
  loss(in_double(w, in));  // where the thresholds are taken to stand
  if (Spec::key_gate.threshold > 0) CHECK((kept > 1 && kept < tokens - 1));
  check_gradients(in_double(w, in), found, loss);
}

template <class Spec>
void check_encodings(unsigned seed, index_t tokens = 11) {
  using layer = tenon::three_d_attention<Spec>;
  constexpr bool has_task = Spec::encoding.task == tenon::task_encoding::learned;
  layer_weights<layer> w(seed);
  const std::vector<float> in = random_floats(tokens * width, seed + 1), by = random_floats(tokens * width, seed + 2);
  const auto found = learn<layer>(w, in, by, width, [](const auto& to) {
    std::map<std::string, std::vector<float>> all{{"attn_position_cos.weight", to.cosine}, {"attn_position_sin.weight", to.sine}};
    if (has_task) all["attn_task.weight"] = to.task;
    return all;
  });
  check_gradients(in_double(w, in), found, [&](const parameters& p) {
    const doubles plain = dense(p["in"], width, p["attn_q.weight"]);
    const auto weigh = [&](index_t h, index_t i, index_t j, double s) {
      double frequency = static_cast<double>(Spec::encoding.first);
      for (index_t f = 0; f < Spec::encoding.terms; ++f, frequency *= static_cast<double>(Spec::encoding.ratio)) {
        const auto at = static_cast<std::size_t>(h * Spec::encoding.terms + f);
        s += p["attn_position_cos.weight"][at] * std::cos(frequency * static_cast<double>(i - j)) + p["attn_position_sin.weight"][at] * std::sin(frequency * static_cast<double>(i - j));
      }
      if constexpr (has_task) {
        for (index_t d = 0; d < 16; ++d) s += plain[static_cast<std::size_t>((i * 6 + h) * 16 + d)] * p["attn_task.weight"][static_cast<std::size_t>(h * 16 + d)] / 4;
        return logistic_of(s + static_cast<double>(Spec::weighting.bias));
      } else {
        return std::exp(s);
      }
    };
    const doubles mixed = attend(qkv(p["in"], p, Spec::attention, width, 100), !has_task, weigh, [](index_t) { return true; });
    return dot(dense(mixed, 96, p["attn_output.weight"]), by);
  });
}

TEST_CASE("gated sparse attention learns its gates, those of dropped keys too") {
  check_sparse<sparse<0>>(1);
  check_sparse<sparse<45>>(2);
  check_sparse<sparse<45>>(2, many_tokens);
}

struct compressed : attention_parts {
  static constexpr tenon::encoding_spec encoding{.terms = 2, .first = 0.7f, .ratio = 0.3f, .floor = 0.5f};
  static constexpr auto weighting = tenon::linear{.features = tenon::elu_plus_one{}};
};
static_assert(tenon::trainable_layer<tenon::three_d_attention<compressed>>);

void check_compressed(index_t tokens = 11) {
  layer_weights<tenon::three_d_attention<compressed>> w(5);
  const std::vector<float> in = random_floats(tokens * width, 6), by = random_floats(tokens * width, 7);
  const auto found = learn<tenon::three_d_attention<compressed>>(w, in, by, width, [](const auto& to) {
    return std::map<std::string, std::vector<float>>{{"attn_position_cos.weight", to.cosine}, {"attn_position_sin.weight", to.sine}};
  });
  check_gradients(in_double(w, in), found, [&](const parameters& p) {
    const qkv x(p["in"], p, compressed::attention, width, 100);
    const auto phi = [](double v) { return v > 0 ? v + 1 : std::exp(v); };
    const doubles mixed = attend(x, true, [&](index_t h, index_t i, index_t j, double) {
      double agreement = 0, wave = static_cast<double>(compressed::encoding.floor), frequency = static_cast<double>(compressed::encoding.first);
      for (index_t d = 0; d < 16; ++d) agreement += phi(x.query()(i, h, d)) * phi(x.key()(j, h / 3, d));
      for (index_t f = 0; f < 2; ++f, frequency *= static_cast<double>(compressed::encoding.ratio)) {
        const double a = p["attn_position_cos.weight"][static_cast<std::size_t>(h * 2 + f)], b = p["attn_position_sin.weight"][static_cast<std::size_t>(h * 2 + f)];
        wave += std::sqrt(a * a + b * b) + a * std::cos(frequency * static_cast<double>(i - j)) + b * std::sin(frequency * static_cast<double>(i - j));
      }
      return agreement * wave;
    }, [](index_t) { return true; });
    return dot(dense(mixed, 96, p["attn_output.weight"]), by);
  });
}

TEST_CASE("the compressed form of 3D attention learns, what keeps its weights from being negative too") {
  check_compressed();
  check_compressed(many_tokens);
}

TEST_CASE("3D attention learns its Fourier series and its task") {
  check_encodings<by_softmax>(3);
  check_encodings<by_sigmoid>(4);
  check_encodings<by_sigmoid>(4, many_tokens);
}

}  // namespace
