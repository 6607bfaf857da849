#pragma once
// The problems on which every architecture's gradients of attention are executed, and what is broken in them.

#include <tenon/kernels/launch/gpu/attention.hpp>

#include "../gpu/attention_backward_problems.hpp"
#include "attention_backward_case.hpp"
#include "attention_breaks.hpp"

namespace tenon::testing {

struct blind_64 : tenon_test::back_causal_64 {
  using mask = nothing_before;
};
/// A score of a user's own, without a slope, on keys of the query's own parity.
struct own_score {
  float rate;
  template <class T>
  TENON_BOTH constexpr T adjust(T s, position p) const {
    return s * s * T(rate) - T(0.01f) * T(static_cast<float>(p.query - p.key));
  }
};
struct own_mask {
  TENON_BOTH constexpr bool keep(position p) const { return ((p.query - p.key) & 1) == 0; }
};
struct own_64 : tenon_test::back_causal_64 {
  using mask = both<causal, own_mask>;
  using score = chain<scaled, own_score>;
  static constexpr int group = 3;
};

template <class Arch>
void check_all_backward() {
  using namespace tenon_test;
  const auto check = [](auto problem, backward_sizes s, const auto& mask, const auto& score, const auto& weighting, std::vector<int> lengths = {}) {
    check_backward<Arch>(backward_case<decltype(problem)>(s, mask, score, weighting, std::move(lengths)));
  };
  // Whole tiles and ragged ones, few queries over many keys, more queries than keys.
  for (const backward_sizes s : {backward_sizes{1, 1, 1, 1, 1}, {2, 2, 2, 33, 65}, {1, 1, 1, 130, 130}, {1, 1, 1, 5, 200}, {1, 1, 1, 140, 64}}) check(back_causal_64{}, s, causal{}, scaled{}, softmax{});
  for (const backward_sizes s : {backward_sizes{1, 1, 1, 64, 128}, {1, 2, 2, 37, 140}}) check(back_causal_128{}, s, causal{}, scaled{}, softmax{});
  std::mt19937 random(5);
  const auto up_to = [&](int most) { return static_cast<int>(random() % static_cast<unsigned>(most)) + 1; };
  for (int i = 0; i < 12; ++i) {
    const int heads = up_to(2);
    check(back_causal_64{}, {up_to(2), heads, heads, up_to(180), up_to(180)}, causal{}, scaled{}, softmax{});
  }
  // Lengths of their own; a negative factor.
  check(back_causal_64{}, {3, 1, 1, 40, 150}, causal{}, scaled{}, softmax{}, {150, 64, 41});
  check(back_causal_64{}, {1, 1, 1, 30, 70}, causal{}, scaled{.factor = -0.2f}, softmax{});
  // Scores of hundreds: one key takes all, and dw - out . d_out is what out's rounding to bf16 leaves of nearly nothing.
  check_backward<Arch>(backward_case<back_causal_64>({1, 1, 1, 30, 70}, {}, {}, {}, {}, 100), 2e-2);
  // A window, a soft cap, sinks.
  const std::vector<float> logits{0.5f, -3.0f};
  for (const int width : {1, 40}) check(back_capped_128{}, {1, 2, 2, 50, 90}, causal{} & window{width}, scaled{} >> soft_cap{5}, sink{.logits = logits.data()});
  check(back_capped_128{}, {1, 2, 2, 80, 30}, causal{} & window{7}, scaled{} >> soft_cap{5}, sink{.logits = logits.data()});
  // Documents and alibi, the heads of a group.
  std::vector<std::int32_t> ids(120);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = i < 50 ? 1 : i < 51 ? 7 : 2;
  check(back_documents_64{}, {1, 8, 2, 60, 120}, causal{} & document{ids.data()}, scaled{} >> alibi{8}, softmax{});
  // Weights that stand alone; a score and a mask of a user's own; rows that see nothing.
  check(back_sigmoid_64{}, {1, 2, 2, 70, 90}, causal{}, scaled{}, sigmoid{.bias = -3});
  if constexpr (std::is_same_v<Arch, sm90a>) check(back_sigmoid_128{}, {1, 1, 1, 70, 90}, causal{}, scaled{}, sigmoid{.bias = -3});  // it has a tile of its own
  check(own_64{}, {1, 3, 1, 40, 70}, causal{} & own_mask{}, scaled{} >> own_score{0.1f}, softmax{});
  for (const int query : {60, 140, 1000}) check(blind_64{}, {1, 1, 1, 150, 150}, nothing_before{query}, scaled{}, softmax{});
}

/// The forward kernel's own output and log-sum-exp, then the gradients.
template <class Arch>
void check_after_forward() {
  using problem = tenon_test::back_documents_64;
  using leaf = typename simulated<Arch>::leaf;
  using words = typename kernels_of<Arch>::template attention<leaf, problem>;
  std::vector<std::int32_t> ids(90, 4);
  backward_case<problem> c({1, 4, 1, 50, 90}, causal{} & document{ids.data()}, scaled{} >> alibi{4});
  const simulated<Arch> machine;
  const auto a = c.arguments();
  const std::vector<float> expected(c.log_sum_exp.all);
  for (const auto* array : {&c.q, &c.k, &c.v}) machine.readable(array->data(), array->bytes(), array->name);
  machine.writable(c.out.data(), c.out.bytes(), "out");
  machine.writable(c.log_sum_exp.data(), c.log_sum_exp.bytes(), "log_sum_exp");
  constexpr int tile = words::block_rows / problem::group;
  machine.launch({(c.of.queries + tile - 1) / tile, 1, 1}, {words::threads}, static_cast<std::size_t>(words::shared_bytes), attention_on<words>(machine, a.call, 1, c.of.keys));
  for (std::size_t i = 0; i < c.log_sum_exp.count; ++i) CHECK(c.log_sum_exp.all[i] == doctest::Approx(expected[i]).epsilon(1e-4));
  machine.forget(c.out.data()), machine.forget(c.log_sum_exp.data());
  run_backward<leaf>(machine, c, a);
  CAPTURE(machine.report().text());
  CHECK(machine.report().clean());
  CHECK(c.distance() <= 4e-3);
}

struct windowed_gradients : windowed_problem {
  using gradient = bf16;
};
inline backward_case<windowed_gradients> windowed_case() { return {{1, 1, 1, 40, 150}, {.width = 70}}; }  // the last blocks ragged

/// Breaks the gradients' kernels of an architecture in one place at a time, as attention_breaks.hpp does with the forward one. `own`: breaks
/// that only this architecture can have.
template <class Arch, class Problem>
void check_backward_breaks(backward_case<Problem> c, std::span<const break_row> own, std::span<const break_row> anywhere = slips_anywhere) {
  using arguments = attention_backward_arguments<Problem>;
  const auto run = [&](slip wrong, int less_shared, auto&& change) {
    return caught_by<Arch>(wrong, [&](const auto& machine) {
      arguments a = c.arguments();
      change(a);
      run_backward<typename kernels_of<Arch>::broken>(machine, c, a, less_shared);
      return c.distance();
    });
  };
  const auto same = [](arguments&) {};
  REQUIRE(run({}, 0, same).empty());
  const auto caught = [&](const break_row& row) { return run(row.wrong, 0, same); };
  require_caught(anywhere, caught);
  require_caught(own, caught);

  const struct {
    const char* says;
    int less_shared;
    void (*change)(arguments&);
  } changes[] = {
      {"16 bytes of shared memory too few", 16, [](arguments&) {}},
      {"a mask one key too wide", 0, [](arguments& a) { ++a.call.mask.width; }},
      {"a mask one key too narrow", 0, [](arguments& a) { --a.call.mask.width; }},
      {"a key too few", 0, [](arguments& a) { --a.call.length; }},
      {"a key too many", 0, [](arguments& a) { ++a.call.length; }},
      {"a query too many", 0, [](arguments& a) { ++a.call.queries; }},
      {"the wrong stride of q", 0, [](arguments& a) { a.call.q_query += 8; }},
      {"the wrong scale", 0, [](arguments& a) { a.call.score.factor = 0.12f; }},
      {"facts of the neighbouring row", 0, [](arguments& a) { a.facts += 4; }},
      {"d_out of the neighbouring row", 0, [](arguments& a) { a.d_out -= 64; }},
      {"dk and dv exchanged", 0, [](arguments& a) { std::swap(a.dk, a.dv); }},
  };
  require_caught(changes, [&](const auto& row) { return run({}, row.less_shared, row.change); });
}

}  // namespace tenon::testing
