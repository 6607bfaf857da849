// Every break of linear attention's kernels on GPUs, and of its gradients', is caught.
#include "../../support/device_numbers.hpp"
#include "../../support/gpu_linear_case.hpp"
#include "../breaks.hpp"
#include "../machines.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

/// A simulated GPU whose launch functions run on a leaf that slips, perhaps with less shared memory than asked for.
template <class Arch>
struct slipping : simulated<Arch> {
  using leaf = typename kernels_of<Arch>::broken;
  std::size_t less_shared;
  slipping(const simulated<Arch>& of, std::size_t less) : simulated<Arch>(of), less_shared(less) {}
  template <class Body>
  void launch(simulation::extent grid, simulation::extent block, std::size_t shared_bytes, const Body& body) const {
    simulated<Arch>::launch(grid, block, shared_bytes < less_shared ? 0 : shared_bytes - less_shared, body);
  }
};

constexpr break_row everywhere[] = {
    {"the 1st barrier left out", {drop_barrier, 0}},
    {"the 2nd barrier left out", {drop_barrier, 1}},
    {"the 3rd barrier left out", {drop_barrier, 2}},
    {"the 4th barrier left out", {drop_barrier, 3}},
    {"the 5th barrier left out", {drop_barrier, 4}},
    {"a barrier left out by one warp", {drop_barrier_once, 1}},
    {"a barrier too many in one warp", {extra_barrier, 2}},
    {"the left operand's registers exchanged", {swap_left}},
    {"the right operand's registers exchanged", {swap_right}},
    {"numbers packed the wrong way round", {swap_packed}},
    {"e^x for 2^x", {wrong_exponent}},
    {"results stored one access further", {store_elsewhere}},
    {"stores elsewhere in shared memory", {store_shared_elsewhere}},
    {"loads from elsewhere in shared memory", {load_shared_elsewhere}},
    {"a warp's number taken per lane", {own_uniform}},
};
constexpr break_row of_sm80[] = {
    {"sums exchanged in the 45th product", {swap_sums, 44}},
    {"sums begun anew in the 90th product", {first_for_all, 89}},
    {"the registers of matrix loads exchanged", {swap_loaded}},
    {"transposed loads for straight ones", {transpose_loaded}},
    {"the wrong swizzle in loads", {wrong_swizzle}},
    {"no swizzle", {no_swizzle}},
};
constexpr break_row of_gfx942[] = {
    {"sums exchanged in the 13th product", {swap_sums, 12}},
    {"sums begun anew in the 20th product", {first_for_all, 19}},
};
/// Of the weights beside, and of what each row needs.
constexpr break_row of_gradients[] = {
    {"the shuffle of 1 left out", {skip_shuffle, 1}},
    {"the shuffle of 4 left out", {skip_shuffle, 4}},
    {"a shuffle that one lane does not reach", {one_lane_leaves}},
};

/// distance(machine): of the result, scaled so that 5e-3 is the most.
template <class Arch>
void require_all_caught(auto&& distance, const auto&... slips) {
  const auto run = [&](slip wrong, std::size_t less_shared) { return caught_by<Arch>(wrong, [&](const auto& machine) { return distance(slipping<Arch>(machine, less_shared)); }); };
  REQUIRE(run({}, 0).empty());
  (require_caught(slips, [&](const break_row& row) { return run(row.wrong, 0); }), ...);
  if constexpr (std::is_same_v<Arch, sm80>)
    require_caught(of_sm80, [&](const break_row& row) { return run(row.wrong, 0); });
  else
    require_caught(of_gfx942, [&](const break_row& row) { return run(row.wrong, 0); });
  CHECK(!run({}, 16).empty());
}

TEST_CASE_TEMPLATE("every break of prompts shows", Arch, sm80, gfx942) {
  require_all_caught<Arch>([](const auto& machine) { return linear_distance<bf16, bf16>(machine, {1, 1, 1, 100, 130}, 64, causal{}, elu_plus_one{}); }, everywhere);
}

// Waves of one term.
const std::vector<float>& wave_values() {
  static const std::vector<float> of = wave_operands(1);
  return of;
}

TEST_CASE_TEMPLATE("every break of prompts in waves shows", Arch, sm80, gfx942) {
  require_all_caught<Arch>([](const auto& machine) { return linear_distance<bf16, bf16>(machine, {1, 1, 1, 100, 130}, 64, causal{}, waves_over(wave_values().data(), 1)); }, everywhere);
}

TEST_CASE_TEMPLATE("every break of decoding shows, in waves too", Arch, sm80, gfx942) {
  const auto run_with = [](slip wrong, const auto& features) {
    return caught_by<Arch>(wrong, [&](const auto& machine) { return recurrent_distance<bf16>(slipping<Arch>(machine, 0), 6, 1, 64, {1, 1, 1}, features); });
  };
  const auto waves = waves_over(wave_values().data(), 1);
  const auto run = [&](slip wrong) { return run_with(wrong, elu_plus_one{}); };
  REQUIRE(run_with({}, waves).empty());
  REQUIRE(run({}).empty());
  const break_row slips[] = {
      {"the 1st barrier left out", {drop_barrier, 0}},
      {"the 2nd barrier left out", {drop_barrier, 1}},
      {"the 3rd barrier left out", {drop_barrier, 2}},
      {"the 4th barrier left out", {drop_barrier, 3}},
      {"the shuffle of 1 left out", {skip_shuffle, 1}},
      {"e^x for 2^x", {wrong_exponent}},
      {"results stored one access further", {store_elsewhere}},
      {"stores elsewhere in shared memory", {store_shared_elsewhere}},
  };
  require_caught(slips, [&](const break_row& row) { return run(row.wrong); });
  require_caught(slips, [&](const break_row& row) { return run_with(row.wrong, waves); });
}

TEST_CASE_TEMPLATE("every break of gradients of waves, and of what they learn, shows", Arch, sm80, gfx942) {
  require_all_caught<Arch>([](const auto& machine) {
    const learned_distance off = waves_learned<host_array>(machine, {1, 1, 1, 40, 70}, 64, 1);
    return std::max(off.gradients, off.operands) * 5 / 7;
  }, everywhere, of_gradients);
}

TEST_CASE_TEMPLATE("every break of random exponentials and of their gradients shows", Arch, sm80, gfx942) {
  require_all_caught<Arch>([](const auto& machine) {
    const device_numbers directions(machine, random_directions());
    return linear_backward_distance<bf16, bf16>(machine, {1, 1, 1, 40, 70}, 64, causal{}, random_exponentials{.directions = directions.data(), .size = 100}) * 5 / 7;
  }, everywhere, of_gradients);
}

TEST_CASE_TEMPLATE("every break of gradients shows", Arch, sm80, gfx942) {
  require_all_caught<Arch>([](const auto& machine) { return linear_backward_distance<bf16, bf16>(machine, {1, 2, 1, 100, 130}, 64, causal{}, elu_plus_one{}) * 5 / 7; }, everywhere, of_gradients);
}

}  // namespace
