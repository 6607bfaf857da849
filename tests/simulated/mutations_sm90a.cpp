// Breaks the attention kernel of sm_90a in one place at a time, below unchanged words or in what the kernel is given, in both schedules, and
// requires every break to show: as a fault of the report or as a wrong result.
#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "breaks.hpp"
#include "mutating_sm90a.hpp"
#include "sm90a_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

struct problem {
  using mask = window;
  using score = scaled;
  using weighting = softmax;
  using out = bf16;
  static constexpr int dim = 64, group = 1;
};
using words = sm90a_attention<mutating_sm90a, problem>;

// 100 queries of 500 keys among 512: four blocks of keys for two stages, the last one ragged, brought row by row.
struct bench {
  attention_case<problem> c{{1, 1, 1, 100, 512}, {.width = 420}};
  std::vector<double> want;

  bench() {
    attention_case<problem> seen({1, 1, 1, 100, 500}, {.width = 420});
    seen.q = c.q;
    for (std::size_t i = 0; i < c.keys.count; ++i)
      if (i < seen.keys.count)
        seen.keys.all[i] = c.keys.all[i], seen.values.all[i] = c.values.all[i];
      else
        c.keys.all[i] = c.values.all[i] = bf16(std::numeric_limits<float>::quiet_NaN());
    want = seen.reference();
  }

  template <class Schedule, class Change>
  std::string run(slip wrong, int less_shared, Change&& change) {
    static const int length = 500;
    return caught_by<sm90a>(wrong, [&](const auto& machine) {
      machine.readable(&length, sizeof length, "lengths");
      auto a = c.arguments();
      auto call = with_maps<words>(a, 1);
      call.call.lengths = &length;
      change(call);
      c.launch<words>(machine, attention_tensor_body<Schedule, mutating_sm90a, words, problem>{call}, words::shared_bytes - less_shared);
      return c.distance(want);
    });
  }
};

const break_row slips[] = {
    {"the barrier left out", {drop_barrier, 0}},
    {"the wait for q left out", {drop_wait, 0}},
    {"the fence after q left out", {drop_fence, 0}},
    {"the 1st wait for a phase left out", {drop_phase_wait, 0}},
    {"the 2nd wait for a phase left out", {drop_phase_wait, 1}},
    {"the fence after the last keys left out", {drop_fence, 1}},
    {"the fence after the last values left out", {drop_fence, 2}},
    {"the wait for the last keys left out", {drop_wait, 1}},
    {"the wait for the last values left out", {drop_wait, 2}},
    {"the 5th wait for a phase left out", {drop_phase_wait, 4}},
    {"the 8th wait for a phase left out", {drop_phase_wait, 7}},
    {"lane 0 waits alone", {lone_phase_wait}},
    {"the 1st wait for the wrong phase", {wrong_phase, 0}},
    {"the 6th wait for the wrong phase", {wrong_phase, 5}},
    {"the 1st arrival left out", {drop_arrival, 0}},
    {"the 2nd arrival left out", {drop_arrival, 1}},
    {"barriers for one arrival more", {wrong_count}},
    {"barriers not published", {drop_publish}},
    {"the 1st box left out", {drop_box, 0}},
    {"the 4th box left out", {drop_box, 3}},
    {"boxes 1024 bytes further", {box_elsewhere}},
    {"boxes from the next key", {box_next}},
    {"fewer bytes announced", {fewer_bytes}},
    {"more bytes announced", {more_bytes}},
    {"the 3rd product left out", {drop_product, 2}},
    {"the 9th product left out", {drop_product, 8}},
    {"the 1st fence of products left out", {drop_product_fence, 0}},
    {"the 2nd fence of products left out", {drop_product_fence, 1}},
    {"the 4th fence of products left out", {drop_product_fence, 3}},
    {"the 1st group of products not closed", {drop_product_commit, 0}},
    {"the 2nd group of products not closed", {drop_product_commit, 1}},
    {"the 1st wait for products left out", {drop_product_wait, 0}},
    {"the 2nd wait for products left out", {drop_product_wait, 1}},
    {"the 3rd wait for products left out", {drop_product_wait, 2}},
    {"q taken 16 bytes further", {shift_left}},
    {"keys and values taken 16 bytes further", {shift_right}},
    {"the wrong stride between patterns", {wrong_stride}},
    {"operands described as not permuted", {wrong_order}},
    {"q stored in order", {no_swizzle}},
    {"scores added to what was there", {add_to_first}},
    {"registers kept", {keep_registers}},
    {"weights packed the wrong way round", {swap_packed}},
    {"e^x for 2^x", {wrong_exponent}},
    {"the shuffle of 1 left out", {skip_shuffle, 1}},
    {"results stored elsewhere in shared memory", {store_shared_elsewhere}},
    {"the synchronisation between a warp's stores and loads left out", {drop_sync_warp, 1}},
};

TEST_CASE_TEMPLATE("every break of the attention kernel shows", Schedule, in_order, overlapped) {
  bench b;
  const auto same = [](auto&) {};
  REQUIRE(b.run<Schedule>({}, 0, same).empty());
  require_caught(slips, [&](const break_row& row) { return b.run<Schedule>(row.wrong, 0, same); });

  using call = attention_tensor_arguments<problem>;
  const struct {
    const char* says;
    int less_shared;
    void (*change)(call&);
  } changes[] = {
      {"8 bytes of shared memory too few", 8, [](call&) {}},
      {"a mask one key too narrow", 0, [](call& a) { --a.call.mask.width; }},
      {"keys beyond the last", 0, [](call& a) { a.call.lengths = nullptr; }},
      {"a query too many", 0, [](call& a) { ++a.call.queries; }},
      {"keys and values exchanged", 0, [](call& a) { std::swap(a.maps.keys, a.maps.values); }},
  };
  require_caught(changes, [&](const auto& row) { return b.run<Schedule>({}, row.less_shared, row.change); });
}

}  // namespace
