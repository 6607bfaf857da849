// The kernels of attention's gradients for sm_90a on problems of every kind, and with one thing broken at a time.
#include "../attention_backward_problems.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

TEST_CASE("masks, scores, weightings, groups, lengths") { check_all_backward<sm90a>(); }

TEST_CASE("after the forward kernel") { check_after_forward<sm90a>(); }

/// Rows of three heads fill no tile: they come one by one.
struct in_threes : windowed_gradients {
  static constexpr int group = 3;
};

TEST_CASE("without keys dq is 0, without queries dk and dv are") {
  backward_case<tenon_test::back_causal_64> c({1, 1, 1, 70, 90}, {});
  const auto zeros = [](const auto& of) { return std::all_of(of.all.begin(), of.all.begin() + static_cast<std::ptrdiff_t>(of.count), [](bf16 x) { return x.bits == 0; }); };
  const simulated<sm90a> machine;
  auto no_keys = c.arguments(), no_queries = no_keys;
  no_keys.call.length = 0, no_keys.call.keys = no_keys.call.values = nullptr;
  no_queries.call.queries = 0, no_queries.call.q = no_queries.d_out = nullptr;
  run_backward<simulated<sm90a>::leaf>(machine, c, no_keys);
  CHECK(zeros(c.dq));
  const simulated<sm90a> other;
  run_backward<simulated<sm90a>::leaf>(other, c, no_queries);
  CHECK(zeros(c.dk));
  CHECK(zeros(c.dv));
  CHECK(machine.report().clean());
  CHECK(other.report().clean());
}

// [query, head, dim] to [head, query, dim] or back.
template <class T>
std::vector<T> turned(const std::vector<T>& from, int outer, int inner) {
  std::vector<T> to;
  for (int i = 0; i < inner; ++i)
    for (int o = 0; o < outer; ++o) to.insert(to.end(), from.begin() + (o * inner + i) * 64, from.begin() + (o * inner + i + 1) * 64);
  return to;
}

TEST_CASE("heads that lie one behind the other are no boxes: their rows come one by one, with the same bits") {
  using problem = tenon_test::back_causal_64;
  constexpr int queries = 70, heads = 3;
  backward_case<problem> c({1, heads, heads, queries, 150}, {});
  const simulated<sm90a> machine;
  run_backward<simulated<sm90a>::leaf>(machine, c, c.arguments());
  const std::vector<bf16> dq = c.dq.all, dk = c.dk.all, dv = c.dv.all;
  for (auto* rows : {&c.q.all, &c.d_out.all, &c.out.all}) *rows = turned(*rows, queries, heads);
  auto a = c.arguments();
  a.call.q_query = a.call.out_query = 64, a.call.q_head = a.call.out_head = queries * 64;
  using words = kernels_of<sm90a>::attention_backward_rows<simulated<sm90a>::leaf, problem>;
  CHECK_FALSE(attention_backward_on<simulated<sm90a>::leaf, words>(machine, a).maps.boxed);
  CHECK(attention_backward_on<simulated<sm90a>::leaf, words>(machine, c.arguments()).maps.boxed);
  const simulated<sm90a> other;
  run_backward<simulated<sm90a>::leaf>(other, c, a);
  CHECK(machine.report().clean());
  CHECK(other.report().clean());
  const auto same = [](const std::vector<bf16>& x, const std::vector<bf16>& y) { return std::memcmp(x.data(), y.data(), std::min(x.size(), y.size()) * sizeof(bf16)) == 0; };
  CHECK(same(turned(c.dq.all, heads, queries), dq));
  CHECK(same(c.dk.all, dk));
  CHECK(same(c.dv.all, dv));
}

constexpr break_row slips[] = {
    {"the barrier left out", {drop_barrier, 0}},
    {"a barrier left out by one warp", {drop_barrier_once, 0}},
    {"a barrier too many in one warp", {extra_barrier, 0}},
    {"the 1st wait for a phase left out", {drop_phase_wait, 0}},
    {"the 2nd wait for a phase left out", {drop_phase_wait, 1}},
    {"the 3rd wait for a phase left out", {drop_phase_wait, 2}},
    {"the 4th wait for a phase left out", {drop_phase_wait, 3}},
    {"the 1st wait for the wrong phase", {wrong_phase, 0}},
    {"the 4th wait for the wrong phase", {wrong_phase, 3}},
    {"the 1st arrival left out", {drop_arrival, 0}},
    {"the 2nd arrival left out", {drop_arrival, 1}},
    {"the 3rd arrival left out", {drop_arrival, 2}},
    {"barriers for one arrival more", {wrong_count}},
    {"the 1st wait for rows left out", {drop_wait, 0}},
    {"the 3rd wait for rows left out", {drop_wait, 2}},
    {"the 1st fence after rows left out", {drop_fence, 0}},
    {"the 1st copy left out", {drop_copy, 0}},
    {"copies to the neighbouring chunk", {copy_elsewhere}},
    {"copies from the next row", {copy_next_row}},
    {"the 1st product left out", {drop_product, 0}},
    {"the 6th product left out", {drop_product, 5}},
    {"the 10th product left out", {drop_product, 9}},
    {"the 14th product left out", {drop_product, 13}},
    {"the 1st fence of products left out", {drop_product_fence, 0}},
    {"the 2nd fence of products left out", {drop_product_fence, 1}},
    {"the 4th fence of products left out", {drop_product_fence, 3}},
    {"the 1st group of products not closed", {drop_product_commit, 0}},
    {"the 2nd group of products not closed", {drop_product_commit, 1}},
    {"the 3rd group of products not closed", {drop_product_commit, 2}},
    {"the 1st wait for products left out", {drop_product_wait, 0}},
    {"the 2nd wait for products left out", {drop_product_wait, 1}},
    {"the 4th wait for products left out", {drop_product_wait, 3}},
    {"what stays taken 16 bytes further", {shift_left}},
    {"what goes by taken 16 bytes further", {shift_right}},
    {"the wrong stride between patterns", {wrong_stride}},
    {"operands described as not permuted", {wrong_order}},
    {"rows stored in order", {no_swizzle}},
    {"scores added to what was there", {add_to_first}},
    {"registers kept", {keep_registers}},
    {"weights packed the wrong way round", {swap_packed}},
    {"e^x for 2^x", {wrong_exponent}},
    {"the shuffle of 4 left out", {skip_shuffle, 4}},
    {"results stored one access further", {store_elsewhere}},
    {"results and facts taken from elsewhere in shared memory", {load_shared_elsewhere}},
    {"results stored elsewhere in shared memory", {store_shared_elsewhere}},
    {"a warp's number taken per lane", {own_uniform}},
    {"the synchronisation between a warp's stores and loads left out", {drop_sync_warp, 1}},
};
constexpr break_row slips_of_boxes[] = {
    {"lane 0 waits alone", {lone_phase_wait}},
    {"the fence after the last keys left out", {drop_fence, 3}},
    {"barriers not published", {drop_publish}},
    {"the 1st box left out", {drop_box, 0}},
    {"the 4th box left out", {drop_box, 3}},
    {"boxes 1024 bytes further", {box_elsewhere}},
    {"boxes from the next row", {box_next}},
    {"fewer bytes announced", {fewer_bytes}},
    {"more bytes announced", {more_bytes}},
};

constexpr break_row slips_of_rows[] = {
    {"the 2nd fence after rows left out", {drop_fence, 1}},
    {"the 2nd wait for rows left out", {drop_wait, 1}},
    {"the 60th copy left out", {drop_copy, 59}},
};

// 200 queries of 390 keys among 400: more tiles than stages, the last block of keys ragged, brought row by row.
TEST_CASE("every break of the gradients' kernels shows") {
  check_backward_breaks<sm90a, windowed_gradients>({{1, 1, 1, 200, 400}, {.width = 260}, {}, {}, {390}}, slips_of_boxes, slips);
}
TEST_CASE("and where rows come one by one") { check_backward_breaks<sm90a, in_threes>({{1, 3, 1, 70, 300}, {.width = 260}, {}, {}, {290}}, slips_of_rows, slips); }

}  // namespace
