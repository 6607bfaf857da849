// What scores learn over groups of heads, in batches with lengths of their own, on every GPU; and every break of the kernels.
#include "../../gpu/attention_backward_learned_problems.hpp"
#include "../../support/gpu_learned_case.hpp"
#include "../attention_backward_case.hpp"
#include "../breaks.hpp"
#include "../device_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

/// Three heads to a group, in one tile.
struct grouped : tenon_test::back_learned_64 {
  static constexpr int group = 3;
};

/// Two sequences of their own lengths over kernels for groups; what the score learns, against a processor's gradients of each sequence.
struct group_case {
  static constexpr int queries = 40, heads = 6, longest = 150;
  learned_chain<host_array> chain{heads, longest, longest};  // a task to each position: sequences begin at different ones
  std::vector<float> sums;
  backward_case<grouped> c{{2, heads, 2, queries, longest}, causal{} & window{.width = 100}, chain.score(), {.bias = -4.0f}, {longest, 90}};
  std::vector<double> want[4];

  group_case() {
    for (int b = 0; b < 2; ++b) {
      const index_t keys = c.length(b), first = index_t{b} * queries * heads * 64;
      std::vector<float> q, d_out, k, v, room(static_cast<std::size_t>(keys * 2 * 64));
      for (index_t i = 0; i < queries * heads * 64; ++i) q.push_back(static_cast<float>(c.q.data()[first + i])), d_out.push_back(static_cast<float>(c.d_out.data()[first + i]));
      for (index_t t = 0; t < keys; ++t)
        for (index_t h = 0; h < 2; ++h)
          for (index_t d = 0; d < 64; ++d) {
            const index_t at = ((b * 2 + h) * longest + t) * 64 + d;
            k.push_back(static_cast<float>(c.k.data()[at])), v.push_back(static_cast<float>(c.v.data()[at]));
          }
      std::vector<float> dq(q.size()), dk(k.size()), dv(v.size());
      const auto rows = [&](auto* x) { return view<std::remove_reference_t<decltype(*x)>, 4>(x, 1, queries, heads, 64); };
      const auto cached = [&](auto* x) { return view<std::remove_reference_t<decltype(*x)>, 4>(x, 1, keys, 2, 64); };
      attend_backward(cpu(), {.q = rows(std::as_const(q).data()), .k = cached(std::as_const(k).data()), .v = cached(std::as_const(v).data()), .out = {}, .log_sum_exp = {}, .d_out = rows(std::as_const(d_out).data())},
                      attention_gradients{.q = rows(dq.data()), .k = cached(dk.data()), .v = cached(dv.data())}, c.mask, c.score, c.weighting);
    }
    for (std::size_t i = 0; i < 4; ++i) want[i].assign(found(i).begin(), found(i).end());
  }

  std::vector<float>& found(std::size_t which) {
    std::vector<float>* const each[] = {&chain.d_cosine, &chain.d_sine, &chain.d_keys, &chain.d_tasks};
    return *each[which];
  }
  auto arguments() {
    for (std::size_t i = 0; i < 4; ++i) std::fill(found(i).begin(), found(i).end(), 0.0f);
    auto a = c.arguments();
    sums.assign(static_cast<std::size_t>(attention_backward_learned_floats(a)), std::numeric_limits<float>::quiet_NaN());
    a.learned_sums = sums.data();
    return a;
  }
  double distance() {
    double most = 0;
    for (std::size_t i = 0; i < 4; ++i) most = std::max(most, apart(found(i), want[i]));
    return most;
  }
};

TEST_CASE_TEMPLATE("batches with lengths of their own, and heads of a group", Arch, sm80, gfx90a, gfx942, gfx1100) {
  group_case g;
  for (const order& o : orders) {
    const simulated<Arch> machine({.schedule = o.schedule, .seed = 11, .copies = o.copies});
    const auto a = g.arguments();
    machine.writable(g.sums.data(), g.sums.size() * sizeof(float), "learned sums");
    run_backward<typename simulated<Arch>::leaf>(machine, g.c, a);
    CAPTURE(machine.report().text());
    CHECK(machine.report().clean());
    CHECK(g.distance() <= 5e-3);
  }
}

TEST_CASE_TEMPLATE("every break of the kernels of what a score learns shows", Arch, sm80, gfx942) {
  using leaf = typename kernels_of<Arch>::broken;
  using rows = typename kernels_of<Arch>::template attention_backward_rows<leaf, grouped>;
  group_case g;
  const auto run = [&](slip wrong, int less_shared, auto&& change) {
    const std::string by = caught_by<Arch>(wrong, [&](const auto& machine) {
      auto a = g.arguments();
      change(a);
      machine.writable(g.sums.data(), g.sums.size() * sizeof(float), "learned sums");
      for (const auto* array : {&g.c.q, &g.c.k, &g.c.v, &g.c.d_out}) machine.readable(array->data(), array->bytes(), array->name);
      machine.readable(g.c.device_lengths.data(), g.c.device_lengths.bytes(), "lengths");
      kernel_detail::each_learned_stage<grouped>([&](auto stage) {
        using body = attention_backward_learned_body<leaf, rows, stage.value, grouped>;
        const body one{a};
        machine.launch({one.blocks(), a.call.kv_heads, a.batch}, {body::threads}, static_cast<std::size_t>(body::shared_bytes - less_shared), one);
        const attention_backward_deliver_body<leaf, stage.value, grouped> deliver{a};
        machine.launch({deliver.blocks()}, {deliver.threads}, 0, deliver);
      });
      return g.distance();
    });
    return by == "bank conflicts" ? "" : by;  // of which the sums have some, unbroken
  };
  const auto same = [](auto&) {};
  REQUIRE(run({}, 0, same) == "");
  const break_row slips[] = {
      {"the 1st barrier left out", {drop_barrier, 0}},
      {"the 2nd barrier left out", {drop_barrier, 1}},
      {"the 4th barrier left out", {drop_barrier, 3}},
      {"a barrier left out by one warp", {drop_barrier_once, 1}},
      {"a barrier too many in one warp", {extra_barrier, 2}},
      {"the left operand's registers exchanged", {swap_left}},
      {"the right operand's registers exchanged", {swap_right}},
      {"e^x for 2^x", {wrong_exponent}},
      {"results stored one access further", {store_elsewhere}},
      {"stores elsewhere in shared memory", {store_shared_elsewhere}},
      {"loads from elsewhere in shared memory", {load_shared_elsewhere}},
      {"loads from 32 bytes further in shared memory", {load_neighbours}},
      {"a warp's number taken per lane", {own_uniform}},
  };
  require_caught(slips, [&](const break_row& row) { return run(row.wrong, 0, same); });
  const struct {
    const char* says;
    int less_shared;
    void (*change)(attention_backward_arguments<grouped>&);
  } changes[] = {
      {"16 bytes of shared memory too few", 16, [](auto&) {}},
      {"a query too few", 0, [](auto& a) { --a.call.queries; }},
      {"a wrong stride of d_out", 0, [](auto& a) { a.call.out_query += 8; }},
      {"another bias", 0, [](auto& a) { a.call.weighting.bias += 1; }},
  };
  require_caught(changes, [&](const auto& row) { return run({}, row.less_shared, row.change); });
}

}  // namespace
