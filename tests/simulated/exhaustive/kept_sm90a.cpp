// Attention of sm_90a over keys and values of 8 bits, of either number, in heads of either width, groups, tiles of few rows, masks and sigmoid; and broken in one place
// at a time, where every break must show.
#include <doctest/doctest.h>

#include "../breaks.hpp"
#include "../kept_sm90a_case.hpp"
#include "../mutating_sm90a.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

template <int Dim>
struct in_blocks_of_64 : attention_problem<causal, scaled, Dim> {
  static constexpr tuning::sm90a::attention_tile tile{64, 4};
};

TEST_CASE("blocks of 64 keys, as masks that read memory for each score ask for: two lanes to a row") {
  for (const attention_sizes s : {attention_sizes{1, 2, 1, 150, 160}, {1, 1, 1, 5, 725}}) {
    check_kept<in_blocks_of_64<64>, int8_per_128>({s, {}});
    check_kept<in_blocks_of_64<128>, e4m3_per_128>({s, {}});
  }
}

TEST_CASE("both numbers, heads of 64 and 128, groups, few rows, windows") {
  using causal_64 = attention_problem<causal, scaled, 64>;
  using causal_128 = attention_problem<causal, scaled, 128>;
  for (const attention_sizes s : {attention_sizes{1, 1, 1, 1, 1}, {1, 2, 1, 150, 150}, {1, 1, 1, 5, 400}, {1, 1, 1, 30, 97}}) {
    check_kept<causal_64, e4m3_per_128>({s, {}});
    check_kept<causal_128, int8_per_128>({s, {}});
    check_kept<causal_128, e4m3_per_128, sm90a_attention_split>({s, {}});
  }
  check_kept<attention_problem<causal, scaled, 128, 4>, int8_per_128, sm90a_attention_split>({{2, 8, 2, 3, 650}, {}, {650, 257}});
  check_kept<attention_problem<causal, scaled, 64, 4>, e4m3_per_128>({{1, 8, 2, 37, 150}, {}});
  using windowed = decltype(causal{} & window{.width = 1});
  check_kept<attention_problem<windowed, scaled, 64>, int8_per_128>({{1, 2, 1, 90, 900}, causal{} & window{.width = 140}});
  check_kept<attention_problem<nothing_before, scaled, 64, 1, softmax, float>, int8_per_128>({{1, 1, 1, 300, 300}, {.query = 140}});
}

using plain = attention_problem<window, scaled, 64>;
using problem = kept_of<plain, int8_per_128>;
// Two places for rows that wait: four blocks of keys come round in them.
using words = atoms::sm90a::attention_words<mutating_sm90a, 64, 128, 2, 2, dense_keys, int8_per_128, 2>;

// 100 queries of 480 keys among 512: of the last block one warp has no rows.
struct bench {
  kept_case<plain, int8_per_128> c{{1, 1, 1, 100, 512}, {.width = 420}, {480}};
  std::vector<double> want;

  bench() {
    attention_case<plain> seen({1, 1, 1, 100, 480}, {.width = 420});
    seen.q = c.plain.q;
    std::copy_n(c.plain.keys.all.begin(), seen.keys.count, seen.keys.all.begin()), std::copy_n(c.plain.values.all.begin(), seen.values.count, seen.values.all.begin());
    want = seen.reference();
  }
  template <class Schedule, class Change>
  std::string run(slip wrong, int less_shared, Change&& change) {
    return caught_by<sm90a>(wrong, [&](const auto& machine) {
      auto call = c.call();
      change(call);
      c.show(machine);
      c.plain.template launch<words>(machine, attention_tensor_body<Schedule, mutating_sm90a, words, problem>{call}, words::shared_bytes - less_shared);
      return c.plain.distance(want);
    });
  }
};

// Those that bring wait twice for each of eight halves of a block: for rows that wait, then for a stage; those that compute wait eight times in all.
const break_row slips[] = {
    {"the fence after the 1st keys left out", {drop_fence, 1}},
    {"the fence after the last keys left out", {drop_fence, 7}},
    {"the fence after the last values left out", {drop_fence, 8}},
    {"the 1st wait for a phase left out", {drop_phase_wait, 0}},
    {"the 2nd values read before they arrived", {drop_phase_wait, 6}},
    {"the 3rd keys read before they arrived", {drop_phase_wait, 8}},
    {"the 3rd keys written before their stage is empty", {drop_phase_wait, 9}},
    {"the 3rd values written before their stage is empty", {drop_phase_wait, 11}},
    {"the last values read before they arrived", {drop_phase_wait, 14}},
    {"the last values written before their stage is empty", {drop_phase_wait, 15}},
    {"lane 0 waits alone", {lone_phase_wait}},
    {"the wait for the 3rd keys is for the wrong phase", {wrong_phase, 8}},
    {"the wait for their stage is for the wrong phase", {wrong_phase, 9}},
    {"the 1st arrival left out", {drop_arrival, 0}},
    {"the 6th arrival left out", {drop_arrival, 5}},
    {"the last arrival of the warp without rows left out", {drop_arrival, 9}},
    {"barriers for one arrival more", {wrong_count}},
    {"barriers not published", {drop_publish}},
    {"the 1st copy left out", {drop_box, 0}},
    {"the 6th copy left out", {drop_box, 5}},
    {"copies 1024 bytes further", {box_elsewhere}},
    {"copies from the next row", {box_next}},
    {"fewer bytes announced", {fewer_bytes}},
    {"more bytes announced", {more_bytes}},
    {"the warp's meeting after the 1st keys left out", {drop_sync_warp, 0}},
    {"the warp's meeting after the last values left out", {drop_sync_warp, 7}},
    {"registers kept", {keep_registers}},
    {"numbers packed the wrong way round", {swap_packed}},
    {"the wrong byte", {wrong_byte}},
    {"stores elsewhere in shared memory", {store_shared_elsewhere}},
    {"loads from elsewhere in shared memory", {load_shared_elsewhere}},
    {"chunks stored in order", {no_swizzle}},
};

TEST_CASE_TEMPLATE("every break of the kernel shows", Schedule, in_order, overlapped) {
  bench b;
  const auto same = [](auto&) {};
  REQUIRE(b.run<Schedule>({}, 0, same).empty());
  require_caught(slips, [&](const break_row& row) { return b.run<Schedule>(row.wrong, 0, same); });

  using call = attention_tensor_arguments<problem>;
  const change_row<call> changes[] = {
      {"8 bytes of shared memory too few", 8, [](call&) {}},
      {"the scale of the row after", 0, [](call& a) { a.call.scales += 4; }},
      {"a mask one key too narrow", 0, [](call& a) { --a.call.mask.width; }},
      {"keys beyond the last", 0, [](call& a) { a.call.lengths = nullptr; }},
      {"keys and values exchanged", 0, [](call& a) { std::swap(a.call.keys, a.call.values); }},
  };
  require_caught(changes, [&](const auto& row) { return b.run<Schedule>({}, row.less_shared, row.change); });
}

}  // namespace
