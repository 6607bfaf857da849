// What the report counts: warp instructions, passes over the banks of shared memory, sectors of global memory; and its text.
#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include <tenon/kernels/launch/simulated.hpp>

namespace {

using namespace tenon;
using simulation::instruction;

// One load of T by each thread of a block of one warp, `stride` bytes apart.
template <class Arch, class T>
simulation::report strided(std::uint32_t stride) {
  const simulated<Arch> machine({.checks = simulation::checks::all});
  using leaf = typename simulated<Arch>::leaf;
  machine.launch({}, {leaf::lanes}, 48 * 1024,
                 [&] { (void)leaf::template load_shared<T>(leaf::shared() + stride * static_cast<std::uint32_t>(leaf::thread())); });
  return machine.report();
}

TEST_CASE("bank conflicts by width and stride") {
  CHECK(strided<sm80, float>(4).bank_conflicts == 0);
  CHECK(strided<sm80, float>(4).shared_phases == 1);
  CHECK(strided<sm80, float>(8).bank_conflicts == 1);
  CHECK(strided<sm80, float>(128).bank_conflicts == 31);
  CHECK(strided<sm80, float>(132).bank_conflicts == 0);
  CHECK(strided<sm80, float>(0).bank_conflicts == 0);  // one word for all
  CHECK(strided<sm80, std::uint16_t>(2).bank_conflicts == 0);
  CHECK(strided<sm80, bits64>(8).shared_phases == 2);
  CHECK(strided<sm80, bits64>(8).bank_conflicts == 0);
  CHECK(strided<sm80, bits128>(16).shared_phases == 4);
  CHECK(strided<sm80, bits128>(16).bank_conflicts == 0);
  CHECK(strided<sm80, bits128>(256).bank_conflicts == 4 * 7);
  CHECK(strided<gfx942, float>(4).shared_phases == 2);
  CHECK(strided<gfx942, float>(128).bank_conflicts == 2 * 31);
  CHECK(strided<gfx942, bits128>(16).bank_conflicts == 0);
}

TEST_CASE("sectors of global memory") {
  const std::vector<float> in(32 * 32);
  const auto sectors = [&](int stride) {
    const simulated<sm80> machine;
    machine.readable(in.data(), in.size() * 4, "in");
    machine.launch({}, {32}, 0, [&] { (void)simulated<sm80>::leaf::load(in.data() + stride * simulated<sm80>::leaf::thread()); });
    CHECK(machine.report().global_requests == 1);
    CHECK(machine.report().needed == 128);
    CHECK(machine.report().sectors_per_request() == static_cast<double>(machine.report().sectors));  // one request
    return machine.report().sectors;
  };
  const bool aligned = reinterpret_cast<std::uintptr_t>(in.data()) % 32 == 0;
  CHECK(sectors(1) == (aligned ? 4 : 5));
  CHECK(sectors(8) == 32);
  CHECK(sectors(0) == 1);
}

TEST_CASE("warp instructions, also where lanes part") {
  const simulated<sm80> machine;
  using leaf = simulated<sm80>::leaf;
  machine.launch({2, 3}, {64}, 1024, [] {
    const auto at = leaf::shared() + 4 * static_cast<std::uint32_t>(leaf::thread());
    leaf::store_shared(at, 1.0f);
    if (leaf::thread() % 2 == 0) leaf::store_shared(at, 2.0f);
    (void)leaf::load_shared<float>(at);  // the even lanes' second access, the odd ones' first
    leaf::barrier();
    leaf::shuffle_xor(1.0f, 1);
    std::uint32_t a[4] = {}, b = 0;
    float d[4] = {};
    leaf::mma(d, a, b, b);
  });
  const simulation::report& r = machine.report();
  CHECK(r.clean());
  CHECK(r.blocks == 6);
  CHECK(r.threads == 6 * 64);
  CHECK(r.count(instruction::barrier) == 12);
  CHECK(r.count(instruction::shuffle) == 12);
  CHECK(r.count(instruction::matrix) == 12);
  CHECK(r.count(instruction::shared_store) == 24);
  CHECK(r.count(instruction::shared_load) == 24);
  CHECK(r.text().find("simulated sm80: 1 launches, 6 blocks, 384 threads\nno faults\n") == 0);
  CHECK(r.text().find("matrix 12") != std::string::npos);
}

TEST_CASE("the report says where banks conflict, and of each fault its block and threads") {
  const simulated<sm80> machine;
  using leaf = simulated<sm80>::leaf;
  machine.launch({2}, {64}, 8192, [] {
    leaf::store_shared(leaf::shared() + 128 * static_cast<std::uint32_t>(leaf::thread()), 1.0f);
    leaf::barrier();
    if (leaf::block_x() == 1 && leaf::thread() == 40) leaf::store_shared(leaf::shared(), 2.0f);
    if (leaf::block_x() == 1 && leaf::thread() == 3) (void)leaf::load_shared<float>(leaf::shared());
  });
  const simulation::report& r = machine.report();
  REQUIRE(r.faults.size() == 1);
  CHECK(r.faults[0].kind == simulation::fault_kind::race);
  CHECK(r.faults[0].block == 1);
  CHECK(r.faults[0].thread == 40);
  CHECK(r.faults[0].other_thread == 3);
  CHECK(r.faults[0].where.line() == __LINE__ - 9);
  CHECK(r.text().find("most of them at counts.cpp:") != std::string::npos);
  CHECK(r.text().find("race: write at counts.cpp:") != std::string::npos);
}

TEST_CASE("unchecked, only results and bounds remain") {
  const simulated<sm80> machine({.checks = simulation::checks::results});
  using leaf = simulated<sm80>::leaf;
  machine.launch({}, {32}, 128, [] {
    (void)leaf::load_shared<float>(leaf::shared());
    leaf::store_shared(leaf::shared() + 4 * static_cast<std::uint32_t>(leaf::thread()), 1.0f);
  });
  CHECK(machine.report().clean());
  machine.launch({}, {32}, 64, [] { leaf::store_shared(leaf::shared() + 4 * static_cast<std::uint32_t>(leaf::thread()), 1.0f); });
  CHECK(machine.report().count(simulation::fault_kind::out_of_bounds) == 16);
}

}  // namespace
