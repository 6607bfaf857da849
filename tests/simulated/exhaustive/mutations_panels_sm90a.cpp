// Breaks the products of sm_90a with weights in panels in one place at a time, and requires every break to show.
#include "../breaks.hpp"
#include "../mutating_sm90a.hpp"
#include "../panel_matmul.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

using words = sm90a_panel_matmul<mutating_sm90a, panel::q4_0, 1>;
using body = panel_tensor_body<mutating_sm90a, words, float, added>;

// 140 tokens and 300 rows, two tiles of each, rows and panels beyond the last; nine stages of the depth where shared memory holds six.
struct bench {
  std::mt19937 random{9};
  stored_case c{storage::q4_0, 140, 300, 576, random};
  std::vector<double> want = c.want(true);

  template <class Change>
  std::string run(slip wrong, int less_shared, Change&& change) {
    return caught_by<sm90a>(wrong, [&](const auto& machine) {
      run_panels<mutating_sm90a, words>(machine, c, words::shared_bytes - less_shared, change);
      return matmul_cases::relative_l2(c.out, want);
    });
  }
};

TEST_CASE("every break of the products of sm_90a with stored weights shows") {
  bench b;
  REQUIRE(b.run({}, 0, [](body&) {}).empty());
  const break_row slips[] = {
      {"the barrier left out", {drop_barrier, 0}},
      {"the 1st wait for a phase left out", {drop_phase_wait, 0}},
      {"the 8th wait for a phase left out", {drop_phase_wait, 7}},
      {"the 1st wait for the wrong phase", {wrong_phase, 0}},
      {"the 7th wait for the wrong phase", {wrong_phase, 6}},
      {"the 1st arrival left out", {drop_arrival, 0}},
      {"barriers for one arrival more", {wrong_count}},
      {"barriers not published", {drop_publish}},
      {"the 1st box left out", {drop_box, 0}},
      {"the 7th box left out", {drop_box, 6}},
      {"boxes from the next token", {box_next}},
      {"fewer bytes announced", {fewer_bytes}},
      {"more bytes announced", {more_bytes}},
      {"the 1st product left out", {drop_product, 0}},
      {"the 42nd product left out", {drop_product, 41}},
      {"the 1st fence of products left out", {drop_product_fence, 0}},
      {"the 3rd fence of products left out", {drop_product_fence, 2}},
      {"the 1st group of products not closed", {drop_product_commit, 0}},
      {"the last group of products not closed", {drop_product_commit, 8}},
      {"the 2nd wait for products left out", {drop_product_wait, 1}},
      {"the last wait for products left out", {drop_product_wait, 9}},
      {"x taken 16 bytes further", {shift_right}},
      {"the wrong stride between patterns", {wrong_stride}},
      {"x described as not permuted", {wrong_order}},
      {"registers kept", {keep_registers}},
      {"the bytes of quanta taken by their neighbours", {wrong_byte}},
      {"weights packed the wrong way round", {swap_packed}},
      {"the shuffle of 4 left out", {skip_shuffle, 4}},
      {"results stored one access further", {store_elsewhere}},
  };
  require_caught(slips, [&](const break_row& row) { return b.run(row.wrong, 0, [](body&) {}); });
  const struct {
    const char* says;
    int less_shared;
    void (*change)(body&);
  } changes[] = {
      {"8 bytes of shared memory too few", 8, [](body&) {}},
      {"a panel too many", 0, [](body& a) { ++a.in.panels; }},
      {"a token too many", 0, [](body& a) { ++a.sink.tokens; }},
      {"a row too few", 0, [](body& a) { --a.sink.rows; }},
      {"a stage too few", 0, [](body& a) { a.in.deep -= 64; }},
      {"panels that lie further apart", 0, [](body& a) { a.in.pitch += 64; }},
      {"no bias", 0, [](body& a) { a.sink.bias = nullptr; }},
  };
  require_caught(changes, [&](const auto& row) { return b.run({}, row.less_shared, row.change); });
}

}  // namespace
