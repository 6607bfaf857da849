// Each kind of fault that barriers with phases, boxes, asynchronous products and handed-over registers can meet, provoked by a small kernel and
// found; the same kernel done right is clean.
#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <tuple>
#include <utility>
#include <vector>

#include <tenon/kernels/atoms/sm90a/operand.hpp>
#include <tenon/kernels/launch/simulated.hpp>

namespace {

using namespace tenon;
using namespace tenon::simulation;
using machine_type = simulated<sm90a>;
using leaf = machine_type::leaf;
using address = leaf::address;

enum class wrong {
  nothing,
  no_wait,          // for the other side
  no_arrival,
  twice,            // an arrival too many
  no_init,
  no_publish,
  no_fence,         // after threads' writes
  no_begin,         // before products
  early,            // sums read before the wait
  overwritten,      // an operand, before the wait
  left_changed,     // a register of the left operand
  other_lane,       // operands that differ between lanes
  too_many,         // registers taken
  uneven,           // registers taken by one warp of four
  unaligned_box,
  foreign_map
};

// Runs body(wrong) under each schedule, with copies and products lazy and eager.
template <class Body>
void everywhere(Body&& body, const std::function<void(const report&)>& check) {
  for (const schedule order : {schedule::round_robin, schedule::reversed, schedule::random})
    for (const copies landing : {copies::lazy, copies::eager}) {
      const machine_type machine({.schedule = order, .seed = 7, .copies = landing});
      body(machine);
      CAPTURE(machine.report().text());
      check(machine.report());
    }
}
template <class Body>
void clean(Body&& body) {
  everywhere(body, [](const report& r) { CHECK(r.clean()); });
  const machine_type unchecked({.checks = checks::results});
  body(unchecked);
  CHECK(unchecked.report().clean());
}
template <class Body>
void faulty(fault_kind kind, Body&& body) {
  everywhere(body, [&](const report& r) { CHECK(r.count(kind) > 0); });
}

// Warp 0 writes eight numbers again and again, warp 1 reads each: two barriers order them.
auto hand_over(wrong what) {
  return [what](const machine_type& machine) {
    machine.launch({}, {64}, 144, [&] {
      const address data = leaf::shared(), full = data + 128, empty = full + 8;
      const int lane = leaf::thread() % 32;
      if (leaf::thread() == 0 && what != wrong::no_init) leaf::init_arrivals(full, 1), leaf::init_arrivals(empty, 1);
      leaf::barrier();
      const address mine = data + static_cast<address>(4 * lane);
      for (int i = 0; i < 4; ++i) {
        if (leaf::thread() < 32) {
          if (what != wrong::no_wait) leaf::await_arrivals(empty, i % 2 ^ 1);
          leaf::store_shared(mine, 100 * i + lane);
          leaf::sync_warp();
          if (lane == 0 && what != wrong::no_arrival) leaf::arrive(full);
          if (lane == 0 && what == wrong::twice) leaf::arrive(full);
        } else {
          leaf::await_arrivals(full, i % 2);
          const int got = leaf::load_shared<int>(mine);
          if (what == wrong::nothing) CHECK(got == 100 * i + lane);
          leaf::sync_warp();
          if (lane == 0) leaf::arrive(empty);
        }
      }
    });
  };
}

TEST_CASE("phases order threads") {
  clean(hand_over(wrong::nothing));
  everywhere(hand_over(wrong::no_wait), [](const report& r) { CHECK(r.count(fault_kind::race) + r.count(fault_kind::invalid) > 0); });
  faulty(fault_kind::deadlock, hand_over(wrong::no_arrival));
  everywhere(hand_over(wrong::twice), [](const report& r) { CHECK(!r.clean()); });
  faulty(fault_kind::invalid, hand_over(wrong::no_init));
}

// Two boxes of a tensor of rows of 60 numbers, one at its edge: numbers that exist, permuted, and zeros around them.
auto box(wrong what) {
  return [what](const machine_type& machine) {
    std::vector<bf16> from(20 * 64);
    for (std::size_t i = 0; i < from.size(); ++i) from[i] = bf16(static_cast<float>(i % 64 + i / 64));
    machine.readable(from.data(), from.size() * sizeof(bf16), "from");
    tensor_map map = encode({.first = from.data(), .element_bytes = 2, .axes = 2, .extent = {60, 20, 0, 0}, .stride = {2, 128, 0, 0}, .box = {64, 8, 0, 0}});
    if (what == wrong::foreign_map) map.opaque[15] = 0;
    machine.launch({}, {32}, 2056, [&] {
      const address to = leaf::shared(), full = to + 2048;
      if (leaf::thread() == 0) {
        leaf::init_arrivals(full, 1);
        if (what != wrong::no_publish) leaf::publish_arrivals();
      }
      leaf::barrier();
      if (leaf::thread() == 0) {
        leaf::arrive_expecting(full, 2048);
        leaf::copy_box(what == wrong::unaligned_box ? to + 128 : to, map, full, 0, 4);
        leaf::copy_box(to + 1024, map, full, 0, 16);
      }
      if (what == wrong::foreign_map || what == wrong::unaligned_box || what == wrong::no_publish) return;  // nothing will come
      if (what != wrong::no_wait) leaf::await_arrivals(full, 0);
      for (int item = leaf::thread(); item < 16 * 64; item += 32) {
        const int row = item / 64, column = item % 64, key = row < 8 ? 4 + row : 8 + row;
        const auto at = to + static_cast<address>(row * 128 + ((column / 8) ^ (row % 8)) * 16 + column % 8 * 2);
        const float got = static_cast<float>(bf16::from_bits(leaf::load_shared<std::uint16_t>(at)));
        if (what == wrong::nothing) CHECK(got == (column < 60 && key < 20 ? static_cast<float>(column + key) : 0.0f));
      }
    });
  };
}

TEST_CASE("boxes arrive where their barrier says so") {
  clean(box(wrong::nothing));
  everywhere(box(wrong::no_wait), [](const report& r) { CHECK(r.count(fault_kind::skipped_await) + r.count(fault_kind::race) > 0); });
  faulty(fault_kind::invalid, box(wrong::no_publish));
  faulty(fault_kind::invalid, box(wrong::unaligned_box));
  faulty(fault_kind::invalid, box(wrong::foreign_map));
}

// 96 bytes in a row, from the second 16 of an array on.
auto run_of_bytes(wrong what) {
  return [what](const machine_type& machine) {
    std::vector<std::uint32_t> from(40);
    for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::uint32_t>(7 * i);
    const buffer aligned(from.size() * 4);
    std::memcpy(aligned.data(), from.data(), from.size() * 4);
    machine.readable(aligned.data(), from.size() * 4, "from");
    machine.launch({}, {32}, 256, [&] {
      const address to = leaf::shared() + 16, full = to + 128;
      if (leaf::thread() == 0) {
        leaf::init_arrivals(full, 1);
        if (what != wrong::no_publish) leaf::publish_arrivals();
      }
      leaf::barrier();
      if (leaf::thread() == 0) {
        leaf::arrive_expecting(full, 96);
        leaf::copy_bytes(what == wrong::unaligned_box ? to + 8 : to, aligned.data() + (what == wrong::foreign_map ? 80 : 16), what == wrong::uneven ? 100 : 96, full);
      }
      if (what == wrong::foreign_map || what == wrong::unaligned_box || what == wrong::no_publish || what == wrong::uneven) return;  // nothing will come
      if (what != wrong::no_wait) leaf::await_arrivals(full, 0);
      if (leaf::thread() >= 24) return;
      const auto got = leaf::load_shared<std::uint32_t>(to + static_cast<address>(4 * leaf::thread()));
      if (what == wrong::nothing) CHECK(got == 7 * (4 + static_cast<std::uint32_t>(leaf::thread())));
    });
    machine.forget(aligned.data());
  };
}

TEST_CASE("runs of bytes arrive where their barrier says so") {
  clean(run_of_bytes(wrong::nothing));
  everywhere(run_of_bytes(wrong::no_wait), [](const report& r) { CHECK(r.count(fault_kind::skipped_await) + r.count(fault_kind::race) > 0); });
  faulty(fault_kind::invalid, run_of_bytes(wrong::no_publish));
  faulty(fault_kind::invalid, run_of_bytes(wrong::unaligned_box));
  faulty(fault_kind::invalid, run_of_bytes(wrong::uneven));
  faulty(fault_kind::out_of_bounds, run_of_bytes(wrong::foreign_map));  // beyond the array
}

TEST_CASE("a map that no driver would make is refused") {
  const std::vector<bf16> from(64 * 8);
  const tensor_shape right{.first = from.data(), .element_bytes = 2, .axes = 2, .extent = {64, 8, 0, 0}, .stride = {2, 128, 0, 0}, .box = {64, 8, 0, 0}};
  CHECK_NOTHROW(encode(right));
  for (const auto& [member, value] : {std::pair{&tensor_shape::stride, std::uint64_t{120}}}) {
    tensor_shape s = right;
    (s.*member)[1] = value;
    CHECK_THROWS_AS(encode(s), error);
  }
  for (const auto& [member, place, value] : {std::tuple{&tensor_shape::box, 0, 32u}, {&tensor_shape::box, 1, 257u}, {&tensor_shape::extent, 1, 0u}}) {
    tensor_shape s = right;
    (s.*member)[place] = value;
    CHECK_THROWS_AS(encode(s), error);
  }
}

// A product of four warps over a depth of 16, both operands written by threads. d = a b^T, or a from registers and b across its rows.
template <int Tiles>
auto product(wrong what, bool from_registers) {
  return [=](const machine_type& machine) {
    constexpr int columns = 8 * Tiles, panels = columns / 64;
    const auto number = [](int row, int k) { return static_cast<float>((row * 7 + k * 3) % 11 - 5); };
    machine.launch({}, {128}, 8192 + columns * 128, [&] {
      const address left = leaf::shared(), right = left + 8192;
      const auto put = [](address at, float value) { leaf::store_shared<std::uint16_t>(at, bf16(value).bits); };
      for (int item = leaf::thread(); item < 64 * 16; item += 128)
        put(left + atoms::sm90a::panel_offset<address>(64, item / 16, item % 16 / 8) + static_cast<address>(item % 8 * 2), number(item / 16, item % 16));
      for (int item = leaf::thread(); item < columns * 16; item += 128) {
        const int n = item / 16, k = item % 16;
        const address at = from_registers ? atoms::sm90a::panel_offset<address>(16, k, n / 8) + static_cast<address>(n % 8 * 2)
                                          : atoms::sm90a::panel_offset<address>(columns, n, k / 8) + static_cast<address>(k % 8 * 2);
        put(right + at, number(n + 1, k));
      }
      if (what != wrong::no_fence) leaf::fence_shared();
      leaf::barrier();
      leaf::held<float> d[Tiles][4];
      leaf::held<std::uint32_t> a[4];
      const int row = leaf::thread() / 32 * 16 + leaf::thread() % 32 / 4, column = leaf::thread() % 4 * 2;
      for (int r = 0; r < 4; ++r) {
        const int at_row = row + r % 2 * 8, at_column = column + r / 2 * 8;
        a[r] = leaf::pack<bf16>(number(at_row, at_column), number(at_row, at_column + 1));
      }
      for (auto& tile : d)
        for (auto& sum : tile) sum = 1;
      if (what != wrong::no_begin) leaf::begin_products(d, a);
      const std::uint64_t other = what == wrong::other_lane && leaf::thread() == 5 ? 1 : 0;
      if (from_registers)
        leaf::multiply_rows(d, a, atoms::sm90a::across_rows(right, 16 * 128) + other);
      else
        leaf::multiply(d, atoms::sm90a::along_rows(left), atoms::sm90a::along_rows(right) + other, true);
      leaf::commit_products();
      if (what == wrong::early) d[0][1] = static_cast<float>(d[0][0]);
      if (what == wrong::left_changed) a[2] = 0;
      if (what == wrong::overwritten && leaf::thread() == 3) put(right, 0);
      leaf::await_products<0>(d, a);
      if (what != wrong::nothing) return;
      for (int i = 0; i < Tiles * 4; ++i) {
        const int at_row = row + i / 2 % 2 * 8, n = i / 4 * 8 + column + i % 2;
        float want = 1;
        for (int k = 0; k < 16; ++k) want += number(at_row, k) * number(n + 1, k);
        CHECK(static_cast<float>(d[i / 4][i % 4]) == want);
      }
      static_assert(panels >= 1);
    });
  };
}

TEST_CASE("asynchronous products hold what they use") {
  clean(product<8>(wrong::nothing, false));
  clean(product<16>(wrong::nothing, false));
  clean(product<32>(wrong::nothing, false));
  clean(product<8>(wrong::nothing, true));
  clean(product<16>(wrong::nothing, true));
  for (const bool from_registers : {false, true}) {
    faulty(fault_kind::race, product<8>(wrong::no_fence, from_registers));
    faulty(fault_kind::invalid, product<8>(wrong::no_begin, from_registers));
    faulty(fault_kind::skipped_await, product<8>(wrong::early, from_registers));
    everywhere(product<8>(wrong::overwritten, from_registers), [](const report& r) { CHECK(r.count(fault_kind::skipped_await) + r.count(fault_kind::race) > 0); });
    faulty(fault_kind::invalid, product<8>(wrong::other_lane, from_registers));
  }
  faulty(fault_kind::skipped_await, product<8>(wrong::left_changed, true));
}

auto registers(wrong what) {
  return [what](const machine_type& machine) {
    machine.launch({}, {384}, 0, [&] {
      const int group = leaf::thread() / 128;
      if (group == 2 && what != wrong::too_many) return leaf::give_registers<24>();
      if (group < 2 && (what != wrong::uneven || leaf::thread() / 32 != 1)) leaf::take_registers<240>();
    });
  };
}

TEST_CASE("registers are given before they are taken, by all four warps") {
  clean(registers(wrong::nothing));
  faulty(fault_kind::deadlock, registers(wrong::too_many));
  faulty(fault_kind::divergent_collective, registers(wrong::uneven));
}

}  // namespace
