// Breaks the attention kernel of sm_80 in one place at a time, below unchanged words or in what the kernel is given, and requires every
// break to show: as a fault of the report, as a bank conflict, or as a wrong result.
#include <doctest/doctest.h>

#include <string>

#include <tenon/kernels/launch/nvidia/attention.hpp>

#include "attention_case.hpp"
#include "breaks.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

struct problem {
  using mask = window;  // its width is an operand: one off is a mask one off
  using score = scaled;
  using weighting = softmax;
  using out = bf16;
  static constexpr int dim = 64, group = 1;
};
using words = nvidia_attention<mutating_sm80, problem>;

// 40 queries of 150 keys: three blocks of keys, the last ragged, rows beyond the last.
struct bench {
  attention_case<problem> c{{1, 1, 1, 40, 150}, {.width = 70}};
  std::vector<double> want = c.reference();

  template <class Change>
  std::string run(slip wrong, int less_shared, Change&& change) {
    return caught_by<sm80>(wrong, [&](const auto& machine) {
      auto a = c.arguments();
      change(a);
      c.run<mutating_sm80, words>(machine, a, words::shared_bytes - less_shared);
      return c.distance(want);
    });
  }
  std::string run(slip wrong) {
    return run(wrong, 0, [](auto&) {});
  }
};

TEST_CASE("every break of the attention kernel shows") {
  bench b;
  REQUIRE(b.run({}).empty());

  const break_row slips[] = {
      {"the 1st barrier left out", {drop_barrier, 0}},
      {"the 2nd barrier left out", {drop_barrier, 1}},
      {"the 3rd barrier left out", {drop_barrier, 2}},
      {"the 4th barrier left out", {drop_barrier, 3}},
      {"a barrier left out by one warp", {drop_barrier_once, 1}},
      {"a barrier too many in one warp", {extra_barrier, 2}},
      {"the 1st wait left out", {drop_wait, 0}},
      {"the 2nd wait left out", {drop_wait, 1}},
      {"the 3rd wait left out", {drop_wait, 2}},
      {"waits that leave one group more", {wait_early}},
      {"the 1st commit left out", {drop_commit, 0}},
      {"the last commit left out", {drop_commit, 5}},
      {"the 1st copy left out", {drop_copy, 0}},
      {"the 9th copy left out", {drop_copy, 8}},
      {"the 1st copy of the last values left out", {drop_copy, 28}},
      {"sums exchanged in the 30th product", {swap_sums, 29}},
      {"sums begun anew in the 62nd product", {first_for_all, 61}},
      {"the synchronisation between a warp's stores and loads left out", {drop_sync_warp, 1}},
  };
  const auto run = [&](const break_row& row) { return b.run(row.wrong); };
  require_caught(slips, run);
  require_caught(slips_of_sm80, run);

  using arguments = attention_arguments<problem>;
  const struct {
    const char* says;
    int less_shared;
    void (*change)(arguments&);
  } changes[] = {
      {"16 bytes of shared memory too few", 16, [](arguments&) {}},
      {"a mask one key too wide", 0, [](arguments& a) { ++a.mask.width; }},
      {"a mask one key too narrow", 0, [](arguments& a) { --a.mask.width; }},
      {"a key too few", 0, [](arguments& a) { --a.length; }},
      {"a key too many", 0, [](arguments& a) { ++a.length; }},
      {"a query too many", 0, [](arguments& a) { ++a.queries; }},
      {"the wrong stride of q", 0, [](arguments& a) { a.q_query += 8; }},
      {"the wrong scale", 0, [](arguments& a) { a.score.factor = 0.12f; }},
  };
  require_caught(changes, [&](const auto& row) { return b.run({}, row.less_shared, row.change); });
}

}  // namespace
