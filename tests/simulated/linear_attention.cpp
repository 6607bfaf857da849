// Linear attention on GPUs, executed: prompts in chunks, then token by token from the state that they left, against the reference in double.
#include <doctest/doctest.h>

#include "../gpu/linear_attention_problems.hpp"
#include "../support/gpu_linear_case.hpp"
#include "attention_case.hpp"
#include "breaks.hpp"
#include "machines.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using namespace tenon_test;

template <class T>
struct named_array : device_array<T> {
  const char* name;
  named_array(std::size_t n, const char* called) : device_array<T>(n), name(called) {}
};
template <class Problem>
using linear_case = gpu_linear_case<Problem, named_array>;

template <class Machine, class Problem>
void give(const Machine& machine, linear_case<Problem>& c) {
  c.spoil();
  for (const auto* array : {&c.q, &c.k, &c.v}) machine.readable(array->data(), array->bytes(), array->name);
  machine.writable(c.out.data(), c.out.bytes(), c.out.name);
  machine.writable(c.state.data(), c.state.bytes(), c.state.name);
}
template <class Leaf, class Arch, class Problem>
void chunks(const simulated<Arch>& machine, const linear_attention_arguments<Problem>& a, int batch, int less_shared = 0) {
  using words = typename kernels_of<Arch>::template linear_attention<Leaf, Problem>;
  machine.launch({a.call.heads, batch}, {words::threads}, static_cast<std::size_t>(words::shared_bytes - less_shared), linear_attention_body<Leaf, words, Problem>{a});
}
template <class Leaf, class Machine, class Problem>
void step(const Machine& machine, const linear_attention_arguments<Problem>& a, int batch) {
  using body = linear_attention_step_body<Leaf, Problem>;
  machine.launch({a.call.kv_heads, batch}, {body::threads}, static_cast<std::size_t>(linear_attention_step_bytes<Problem>()), body{a});
}

/// All in one launch; and, where masks allow it, in two, the second from the state of the first.
template <class Arch, class Problem>
void check_chunks(linear_case<Problem> c, int first = 0) {
  using leaf = typename simulated<Arch>::leaf;
  CAPTURE(c.of.queries);
  CAPTURE(c.of.keys);
  for (const order& o : orders) {
    const simulated<Arch> machine({.schedule = o.schedule, .seed = 11, .copies = o.copies});
    give(machine, c);
    if (first == 0) {
      chunks<leaf>(machine, c.arguments(0, c.of.keys, c.of.queries, false, false), c.of.batch);
    } else {
      chunks<leaf>(machine, c.arguments(0, first, first - (c.of.keys - c.of.queries), false, true), c.of.batch);
      chunks<leaf>(machine, c.arguments(first, c.of.keys - first, c.of.keys - first, true, false), c.of.batch);
    }
    CAPTURE(machine.report().text());
    CHECK(machine.report().clean());
    CHECK(machine.report().bank_conflicts == 0);
    CHECK(c.distance() <= 4e-3);
  }
}

TEST_CASE_TEMPLATE("prompts in chunks", Arch, sm80, gfx942) {
  for (const linear_sizes s : {linear_sizes{1, 1, 1, 1, 1}, {2, 2, 2, 64, 64}, {1, 1, 1, 130, 130}, {1, 1, 1, 20, 150}, {1, 1, 1, 90, 70}}) check_chunks<Arch>(linear_case<linear_causal_64>(s, {}));
  check_chunks<Arch>(linear_case<linear_causal_128>({1, 1, 1, 70, 100}, {}));
  const std::vector<std::int32_t> lengths{100, 37};
  check_chunks<Arch>(linear_case<linear_padded_64>({2, 4, 2, 40, 100}, {lengths.data()}));
}

TEST_CASE_TEMPLATE("the second half of a prompt from the state of the first", Arch, sm80, gfx942) { check_chunks<Arch>(linear_case<linear_causal_64>({1, 1, 1, 150, 150}, {}), 90); }

struct grouped : linear_causal_64 {
  static constexpr int group = 3;
};

TEST_CASE_TEMPLATE("decoding token by token", Arch, sm80, gfx942, gfx1100) {
  linear_case<grouped> c({2, 6, 2, 12, 12}, {});
  const simulated<Arch> machine({.schedule = simulation::schedule::random, .seed = 3});
  give(machine, c);
  for (int token = 0; token < c.of.keys; ++token) step<typename simulated<Arch>::leaf>(machine, c.arguments(token, 1, 1, token > 0, true), c.of.batch);
  CAPTURE(machine.report().text());
  CHECK(machine.report().clean());
  CHECK(machine.report().bank_conflicts == 0);
  CHECK(c.distance() <= 2e-3);  // the rounding of the output
}

TEST_CASE_TEMPLATE("every break of the kernel for chunks shows", Arch, sm80, gfx942) {
  using enum mutation;
  linear_case<linear_causal_64> c({1, 1, 1, 100, 130}, {});
  const auto run = [&](slip wrong, int less_shared, auto&& change) {
    return caught_by<Arch>(wrong, [&](const auto& machine) {
      give(machine, c);
      auto a = c.arguments(0, c.of.keys, c.of.queries, false, false);
      change(a);
      chunks<typename kernels_of<Arch>::broken>(machine, a, 1, less_shared);
      return c.distance();
    });
  };
  using arguments = linear_attention_arguments<linear_causal_64>;
  const auto same = [](arguments&) {};
  REQUIRE(run({}, 0, same).empty());
  const break_row slips[] = {
      {"the 1st barrier left out", {drop_barrier, 0}},
      {"the 2nd barrier left out", {drop_barrier, 1}},
      {"the 3rd barrier left out", {drop_barrier, 2}},
      {"the 4th barrier left out", {drop_barrier, 3}},
      {"the 5th barrier left out", {drop_barrier, 4}},
      {"the 6th barrier left out", {drop_barrier, 5}},
      {"a barrier left out by one warp", {drop_barrier_once, 1}},
      {"a barrier too many in one warp", {extra_barrier, 2}},
      {"the left operand's registers exchanged", {swap_left}},
      {"the right operand's registers exchanged", {swap_right}},
      {"numbers packed the wrong way round", {swap_packed}},
      {"e^x for 2^x", {wrong_exponent}},
      {"results stored one access further", {store_elsewhere}},
      {"stores elsewhere in shared memory", {store_shared_elsewhere}},
      {"a warp's number taken per lane", {own_uniform}},
  };
  const break_row of_sm80[] = {
      {"sums exchanged in the 45th product", {swap_sums, 44}},
      {"sums begun anew in the 90th product", {first_for_all, 89}},
      {"the registers of matrix loads exchanged", {swap_loaded}},
      {"transposed loads for straight ones", {transpose_loaded}},
      {"the wrong swizzle in loads", {wrong_swizzle}},
      {"no swizzle", {no_swizzle}},
  };
  const break_row of_gfx942[] = {
      {"sums exchanged in the 13th product", {swap_sums, 12}},
      {"sums begun anew in the 20th product", {first_for_all, 19}},
  };
  const auto caught = [&](const break_row& row) { return run(row.wrong, 0, same); };
  require_caught(slips, caught);
  if constexpr (std::is_same_v<Arch, sm80>)
    require_caught(of_sm80, caught);
  else
    require_caught(of_gfx942, caught);
  const struct {
    const char* says;
    int less_shared;
    void (*change)(arguments&);
  } changes[] = {
      {"16 bytes of shared memory too few", 16, [](arguments&) {}},
      {"a key too few", 0, [](arguments& a) { --a.call.length; }},
      {"a key too many", 0, [](arguments& a) { ++a.call.length; }},
      {"a query too many", 0, [](arguments& a) { ++a.call.queries; }},
      {"the wrong stride of q", 0, [](arguments& a) { a.call.q_query += 8; }},
  };
  require_caught(changes, [&](const auto& row) { return run({}, row.less_shared, row.change); });
}

}  // namespace
