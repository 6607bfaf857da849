// The kernels of attention's gradients, executed: against the reference in double, without a fault, whatever the order of warps and of copies.
// Many more problems, and breaks: exhaustive/attention_backward_*.cpp.
#include <string>

#include "attention_backward_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

/// A mask, a score with a slope, sinks that learn, two heads to a group.
struct problem {
  using mask = both<causal, window>;
  using score = chain<scaled, soft_cap>;
  using weighting = sink;
  using out = bf16;
  using gradient = bf16;
  static constexpr int dim = 64, group = 2;
};

TEST_CASE_TEMPLATE("gradients of attention", Arch, sm80, sm90a, gfx942) {
  const std::vector<float> logits{0.5f, -3.0f};
  check_backward<Arch>(backward_case<problem>({1, 2, 1, 37, 150}, causal{} & window{.width = 70}, scaled{} >> soft_cap{.cap = 5.0f}, {.logits = logits.data()}));
}

/// In tiles of its own.
struct small_walks : problem {
  static constexpr tuning::sm80::attention_backward_tile keys_tile{4, 1, 32}, rows_tile{4, 1, 16};
};
TEST_CASE("tiles that the problem names, for a part of the work or all of it, give the same gradients") {
  using leaf = simulated<sm80>::leaf;
  static_assert(nvidia_attention_backward_rows<leaf, small_walks>::tile_rows == 64 && nvidia_attention_backward_rows<leaf, problem>::tile_rows == 128);
  const std::vector<float> logits{0.5f, -3.0f};
  check_backward<sm80>(backward_case<small_walks>({1, 2, 1, 37, 150}, causal{} & window{.width = 70}, scaled{} >> soft_cap{.cap = 5.0f}, {.logits = logits.data()}));
}

/// A bias that learns.
struct biased : problem {
  using score = chain<scaled, key_bias>;
  using weighting = softmax;
};

/// A temperature that hears of every score.
struct temperature {
  float* d_values = nullptr;
  template <class T>
  TENON_BOTH constexpr T adjust(T s, position) const {
    return s * T(2);
  }
  static constexpr per learned = per::score;
  constexpr bool learning() const { return d_values != nullptr; }
};
struct warm : problem {
  using score = chain<scaled, temperature>;
};

TEST_CASE("what does not fit is refused in one sentence") {
  const simulated<sm80> machine;
  std::vector<float> values(20), gradients(20);
  backward_case<biased> c({1, 2, 1, 10, 20}, causal{} & window{.width = 5}, scaled{} >> key_bias{.values = values.data()});
  const auto said = [&](auto&& change) -> std::string {
    auto a = c.arguments();
    change(a);
    try {
      attend_backward(machine, a);
    } catch (const error& fault) {
      return fault.what();
    }
    return {};
  };
  CHECK(said([](auto& a) { a.call.heads = 3; }) == "[heads] of attend_backward are 3 on 1 kv heads: its kernels are for groups of 2. Fix: a problem of that group.");
  CHECK(said([](auto& a) { a.call.after = 1; }).starts_with("[after] of attend_backward is 1"));
  CHECK(said([&](auto& a) { a.call.score.second.d_values = gradients.data(); }).starts_with("[learned_sums] of attend_backward: a score that learns needs them."));
  CHECK(said([](auto& a) { a.call.log_sum_exp = nullptr; }).starts_with("[facts, out, log_sum_exp]"));
  attention_backward_arguments<warm> each{};
  each.call.heads = 2, each.call.kv_heads = 1, each.call.score.second.d_values = gradients.data();
  CHECK_THROWS_WITH_AS(kernel_detail::check_backward(each), doctest::Contains("[score] of attend_backward hears of every score, one after the other"), error);
}

}  // namespace
