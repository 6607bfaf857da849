// Breaks the products with weights in panels in one place at a time, below unchanged words or in what the kernels are given, and requires
// every break to show.
#include <tenon/kernels/launch/amd/matmul.hpp>
#include <tenon/kernels/launch/gpu/few_tokens.hpp>
#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "breaks.hpp"
#include "panel_matmul.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

// 20 tokens and 150 rows of five stages: rows beyond the last, panels beyond the last.
template <class Arch, class Leaf, class Words>
struct bench {
  std::mt19937 random{9};
  stored_case c{storage::q4_0, 20, 150, 320, random};
  std::vector<double> want = c.want(true);

  template <class Change>
  std::string run(slip wrong, int less_shared, Change&& change) {
    return caught_by<Arch>(wrong, [&](const auto& machine) {
      run_panels<Leaf, Words>(machine, c, Words::shared_bytes - less_shared, change);
      return matmul_cases::relative_l2(c.out, want);
    });
  }
  std::string run(slip wrong) {
    return run(wrong, 0, [](auto&) {});
  }
  void changes_show() {
    using body = panel_matmul_body<Leaf, Words, float, added>;
    const struct {
      const char* says;
      int less_shared;
      void (*change)(body&);
    } changes[] = {
        {"32 bytes of shared memory too few", 32, [](body&) {}},
        {"a panel too many", 0, [](body& b) { ++b.in.panels; }},
        {"a token too many", 0, [](body& b) { ++b.sink.tokens; }},
        {"a row too few", 0, [](body& b) { --b.sink.rows; }},
        {"a stage too few", 0, [](body& b) { b.in.deep -= 64; }},
        {"panels that lie further apart", 0, [](body& b) { b.in.pitch += 64; }},
        {"the wrong stride of x", 0, [](body& b) { b.in.x_stride += 8; }},
        {"no bias", 0, [](body& b) { b.sink.bias = nullptr; }},
    };
    require_caught(changes, [&](const auto& row) { return run({}, row.less_shared, row.change); });
  }
};

TEST_CASE("every break of the products of sm_80 with stored weights shows") {
  bench<sm80, mutating_sm80, nvidia_panel_matmul<mutating_sm80, panel::q4_0, 1>> b;
  REQUIRE(b.run({}).empty());
  const break_row slips[] = {
      {"the 1st barrier left out", {drop_barrier, 0}},
      {"the 3rd barrier left out", {drop_barrier, 2}},
      {"the last barrier left out", {drop_barrier, 5}},
      {"the 1st wait left out", {drop_wait, 0}},
      {"the 3rd wait left out", {drop_wait, 2}},
      {"waits that leave one group more", {wait_early}},
      {"the 1st commit left out", {drop_commit, 0}},
      {"the 1st copy left out", {drop_copy, 0}},
      {"the 9th copy, of weights, left out", {drop_copy, 8}},
      {"copies to the neighbouring chunk", {copy_elsewhere}},
      {"copies from the next 128 bytes", {copy_next_row}},
      {"the nibbles of quanta exchanged", {swap_nibbles}},
      {"the bytes of quanta taken by their neighbours", {wrong_byte}},
      {"the scales of the neighbouring block", {load_neighbours}},
      {"quanta and scales of other rows", {load_shared_elsewhere}},
      {"weights packed the wrong way round", {swap_packed}},
      {"the left operand's registers exchanged", {swap_left}},
      {"the right operand's registers exchanged", {swap_right}},
      {"sums begun anew in the 33rd product", {first_for_all, 32}},
      {"results stored one access further", {store_elsewhere}},
      {"results stored elsewhere in shared memory", {store_shared_elsewhere}},
      {"the synchronisation between a warp's stores and loads left out", {drop_sync_warp, 0}},
  };
  require_caught(slips, [&](const break_row& row) { return b.run(row.wrong); });
  b.changes_show();
}

TEST_CASE("every break of the products of gfx942 with stored weights shows") {
  bench<gfx942, mutating_amd<gfx942>, amd_panel_matmul<mutating_amd<gfx942>, panel::q4_0, 1>> b;
  REQUIRE(b.run({}).empty());
  const break_row slips[] = {
      {"the 1st barrier left out", {drop_barrier, 0}},
      {"the 2nd barrier left out", {drop_barrier, 1}},
      {"a barrier left out by one wave", {drop_barrier_once, 1}},
      {"the bytes of quanta taken by their neighbours", {wrong_byte}},
      {"weights packed the wrong way round", {swap_packed}},
      {"weights stored elsewhere in shared memory", {store_shared_elsewhere}},
      {"operands loaded from elsewhere in shared memory", {load_shared_elsewhere}},
      {"results stored one access further", {store_elsewhere}},
  };
  require_caught(slips, [&](const break_row& row) { return b.run(row.wrong); });
  b.changes_show();
}

TEST_CASE_TEMPLATE("every break of the products of few tokens shows", Arch, sm80, gfx942) {
  using leaf = std::conditional_t<std::is_same_v<Arch, sm80>, mutating_sm80, mutating_amd<gfx942>>;
  using body = few_tokens_body<leaf, panel::q4_0, 4, 1, float, added>;
  std::mt19937 random(10);
  stored_case c(storage::q4_0, 3, 40, 1120, random);
  const auto want = c.want(false);
  const auto run = [&](slip wrong, int less_shared, void (*change)(body&)) {
    return caught_by<Arch>(wrong, [&](const auto& machine) {
      c.show(machine);
      body b{};
      b.x = c.x.data(), b.w[0] = c.panels.data(), b.x_stride = c.depth, b.pitch = static_cast<index_t>(c.panel_pitch), b.depth = c.depth, b.wide = true;
      b.sink = {c.out.data(), c.bias.data(), nullptr, c.tokens, c.rows, c.rows, 0, {}};
      change(b);
      machine.launch({3, 1, 1}, {body::threads}, static_cast<std::size_t>(body::shared_bytes - less_shared), b);
      return matmul_cases::relative_l2(c.out, want);
    });
  };
  REQUIRE(run({}, 0, [](body&) {}).empty());
  const break_row slips[] = {
      {"the barrier left out", {drop_barrier, 0}},
      {"a barrier left out by one warp", {drop_barrier_once, 0}},
      {"the shuffle of 4 left out", {skip_shuffle, 4}},
      {"the shuffle of 16 with the wrong lane", {wrong_shuffle, 16}},
      {"the bytes of quanta taken by their neighbours", {wrong_byte}},
      {"sums stored elsewhere in shared memory", {store_shared_elsewhere}},
      {"sums loaded from elsewhere in shared memory", {load_shared_elsewhere}},
      {"results stored one access further", {store_elsewhere}},
      {"a warp's number taken per lane", {own_uniform}},
  };
  require_caught(slips, [&](const break_row& row) { return run(row.wrong, 0, [](body&) {}); });
  const struct {
    const char* says;
    int less_shared;
    void (*change)(body&);
  } changes[] = {
      {"16 bytes of shared memory too few", 16, [](body&) {}},
      {"a depth of a block less", 0, [](body& b) { b.depth -= 32; }},
      {"panels that lie further apart", 0, [](body& b) { b.pitch += 64; }},
      {"a token too many", 0, [](body& b) { ++b.sink.tokens; }},
      {"the wrong stride of x", 0, [](body& b) { b.x_stride += 4; }},
  };
  require_caught(changes, [&](const auto& row) { return run({}, row.less_shared, row.change); });
}

}  // namespace
