#include <doctest/doctest.h>

#include <vector>

#include <tenon/model/decoder.hpp>

#include "../support/small_spec.hpp"

namespace {

// A layer of a user's own, with its backward pass: y = slope * x, one learned slope per feature.
struct per_feature_slope {
  static constexpr const char* norm_name = "slope_norm.weight";
  static constexpr tenon::index_t width = 64;
  struct weights {
    tenon::vector_parameter slope;
  };
  template <class Visit>
  static constexpr void each_parameter(weights& w, Visit& visit) {
    visit(w.slope, "slope.weight", width);
  }
  static constexpr tenon::activation_plan activations{width};
  template <class Machine>
  using state = tenon::no_state;
  template <class Machine>
  static std::size_t state_bytes(const Machine&, tenon::index_t) {
    return 0;
  }
  template <class Machine>
  static tenon::no_state open_state(const Machine&, std::byte*, tenon::index_t) {
    return {};
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine&, tenon::index_t) {
    return 0;
  }
  template <class Machine>
  static void forward(const tenon::pass<Machine>& now, const weights& w, tenon::no_state&, tenon::view<const float, 2> in, tenon::view<float, 2> stream) {
    for (tenon::index_t t = 0; t < now.tokens; ++t)
      for (tenon::index_t i = 0; i < width; ++i) stream(t, i) += w.slope.data[i] * in(t, i);
  }

  struct saved {
    std::vector<float> in;
  };
  struct gradients {
    std::vector<float> slope = std::vector<float>(width);
  };
  template <class Machine>
  static void forward_saving(const tenon::pass<Machine>& now, const weights& w, tenon::no_state& s, saved& keep, tenon::view<const float, 2> in, tenon::view<float, 2> stream) {
    keep.in.assign(in.data, in.data + in.size());
    forward(now, w, s, in, stream);
  }
  template <class Machine>
  static void backward(const tenon::pass<Machine>& now, const weights& w, const saved& kept, tenon::view<const float, 2> out_gradient, tenon::view<float, 2> in_gradient,
                       gradients& learned) {
    for (tenon::index_t t = 0; t < now.tokens; ++t)
      for (tenon::index_t i = 0; i < width; ++i) {
        in_gradient(t, i) += w.slope.data[i] * out_gradient(t, i);
        learned.slope[static_cast<std::size_t>(i)] += kept.in[static_cast<std::size_t>(t * width + i)] * out_gradient(t, i);
      }
  }
};

static_assert(tenon::trainable_layer<per_feature_slope>);
static_assert(tenon::layer<tenon::grouped_attention<small_spec>> && tenon::layer<tenon::gated_mlp<small_spec>>);
static_assert(!tenon::layer<int> && !tenon::trainable_layer<tenon::gated_mlp<small_spec>>);

// A model of the user's own blocks: three with the slope, then the usual two.
struct with_slopes : small_spec {
  using usual = tenon::block<64, tenon::grouped_attention<small_spec>, tenon::gated_mlp<small_spec>>;
  using blocks = tenon::stack<tenon::repeat<3, tenon::block<64, per_feature_slope>>, tenon::repeat<2, usual>>;
};
static_assert(tenon::decoder<with_slopes>::parameters == tenon::decoder<small_spec>::parameters + 3 * (64 + 64));

}  // namespace

TEST_CASE("a user's layer in a block adds to the stream what it computes from the normalised stream") {
  using one = tenon::block<64, per_feature_slope>;
  const tenon::cpu_scalar machine;
  std::vector<float> gain(64, 1.f), slope(64, 2.f), stream(3 * 64), normed(3 * 64), arena(static_cast<std::size_t>(one::activation_size()));
  for (std::size_t i = 0; i < stream.size(); ++i) stream[i] = static_cast<float>(i % 7) - 3.f;
  const std::vector<float> before = stream;
  one::weights weights;
  weights.gains[0].data = gain.data();
  std::get<0>(weights.of).slope.data = slope.data();
  auto state = one::open_state(machine, nullptr, 8);
  const tenon::pass<tenon::cpu_scalar> now{.machine = machine, .first = 0, .tokens = 3, .activations = arena.data(), .scratch = nullptr};
  one::forward(now, weights, state, tenon::view(normed.data(), 3, 64), tenon::view(stream.data(), 3, 64), 1e-5f);
  for (std::size_t i = 0; i < stream.size(); ++i) CHECK(stream[i] == doctest::Approx(before[i] + 2.f * normed[i]));
}

TEST_CASE("the gradients of the user's layer agree with finite differences") {
  const tenon::cpu_scalar machine;
  const tenon::pass<tenon::cpu_scalar> now{.machine = machine, .first = 0, .tokens = 1, .activations = nullptr, .scratch = nullptr};
  std::vector<float> slope(64), in(64), out(64), ones(64, 1.f), in_gradient(64);
  for (std::size_t i = 0; i < 64; ++i) slope[i] = 0.1f * static_cast<float>(i), in[i] = 1.f - 0.05f * static_cast<float>(i);
  per_feature_slope::weights weights{{slope.data()}};
  per_feature_slope::saved kept;
  per_feature_slope::gradients learned;
  tenon::no_state none;
  const auto sum = [&] {
    out.assign(64, 0.f);
    per_feature_slope::forward_saving(now, weights, none, kept, tenon::view<const float, 2>(in.data(), 1, 64), tenon::view(out.data(), 1, 64));
    double total = 0;
    for (const float y : out) total += static_cast<double>(y);
    return total;
  };
  sum();
  per_feature_slope::backward(now, weights, kept, tenon::view<const float, 2>(ones.data(), 1, 64), tenon::view(in_gradient.data(), 1, 64), learned);
  for (std::size_t i = 0; i < 64; i += 9) {
    slope[i] += 0.5f;
    const double up = sum();
    slope[i] -= 1.f;
    CHECK(static_cast<double>(learned.slope[i]) == doctest::Approx(up - sum()).epsilon(1e-4));
    slope[i] += 0.5f;
  }
}
