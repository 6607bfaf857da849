// Each kind of fault, provoked by a small kernel and found; the same kernel done right is clean. On both architectures where both can.
#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include <tenon/kernels/launch/simulated.hpp>

namespace {

using tenon::gfx942;
using tenon::simulated;
using tenon::sm80;
using namespace tenon::simulation;

constexpr schedule all_schedules[] = {schedule::round_robin, schedule::reversed, schedule::random};

// Runs body(machine) under each schedule, with lazy and eager copies, and hands the report to check.
template <class Arch, class Body, class Check>
void everywhere(Body&& body, Check&& check) {
  for (const schedule order : all_schedules)
    for (const copies landing : {copies::lazy, copies::eager}) {
      const simulated<Arch> machine({.schedule = order, .seed = 7, .copies = landing});
      body(machine);
      CAPTURE(machine.report().text());
      check(machine.report());
    }
}
template <class Arch, class Body>
void clean(Body&& body) {
  everywhere<Arch>(body, [](const report& r) { CHECK(r.clean()); });
}
template <class Arch, class Body>
void faulty(fault_kind kind, const char* says, Body&& body) {
  everywhere<Arch>(body, [&](const report& r) {
    CHECK(r.count(kind) > 0);
    bool said = false;
    for (const fault& f : r.faults)
      said |= f.kind == kind && f.what.find(says) != std::string::npos && f.what.find("faults.cpp:") != std::string::npos;
    CHECK(said);
  });
}

// Every thread writes a word and reads that of the thread half a block away.
template <class Arch>
auto exchange(bool with_barrier) {
  return [=](const simulated<Arch>& machine) {
    using leaf = typename simulated<Arch>::leaf;
    constexpr int threads = 2 * leaf::lanes;
    machine.launch({}, {threads}, threads * 4, [&] {
      const int t = leaf::thread();
      leaf::store_shared(leaf::shared() + static_cast<std::uint32_t>(4 * t), t);
      if (with_barrier) leaf::barrier();
      const int other = (t + leaf::lanes) % threads;
      const int got = leaf::template load_shared<int>(leaf::shared() + static_cast<std::uint32_t>(4 * other));
      if (with_barrier) CHECK(got == other);
    });
  };
}

TEST_CASE_TEMPLATE("threads of different warps are ordered by a barrier", Arch, sm80, gfx942) {
  clean<Arch>(exchange<Arch>(true));
  everywhere<Arch>(exchange<Arch>(false),
                   [](const report& r) { CHECK(r.count(fault_kind::race) + r.count(fault_kind::uninitialised) > 0); });
}

// Lanes of one warp: neighbours exchange.
template <class Arch>
auto exchange_in_warp(bool in_step, bool again) {
  return [=](const simulated<Arch>& machine) {
    using leaf = typename simulated<Arch>::leaf;
    machine.launch({}, {leaf::lanes}, leaf::lanes * 4, [&] {
      const auto at = [](int t) { return leaf::shared() + static_cast<std::uint32_t>(4 * (t % leaf::lanes)); };
      const int t = leaf::thread();
      leaf::store_shared(at(t), t);
      leaf::sync_warp();
      const int got = leaf::template load_shared<int>(at(t + 1));
      if (in_step || !again) CHECK(got == (t + 1) % leaf::lanes);
      if (in_step) leaf::sync_warp();
      if (again) leaf::store_shared(at(t), -t);  // while the neighbour may still read
    });
  };
}

TEST_CASE_TEMPLATE("lanes of a warp are ordered by its own synchronisation", Arch, sm80, gfx942) {
  clean<Arch>(exchange_in_warp<Arch>(true, true));
  clean<Arch>(exchange_in_warp<Arch>(false, false));
  faulty<Arch>(fault_kind::race, "are not ordered", exchange_in_warp<Arch>(false, true));
}

TEST_CASE_TEMPLATE("reads of what nobody wrote", Arch, sm80, gfx942) {
  faulty<Arch>(fault_kind::uninitialised, "no thread has written", [](const simulated<Arch>& machine) {
    using leaf = typename simulated<Arch>::leaf;
    machine.launch({}, {leaf::lanes}, 1024, [&] { CHECK(leaf::template load_shared<std::uint32_t>(leaf::shared() + 4) == 0xffffffffu); });
  });
  faulty<Arch>(fault_kind::uninitialised, "'out'", [](const simulated<Arch>& machine) {
    using leaf = typename simulated<Arch>::leaf;
    std::vector<float> out(64);
    machine.writable(out.data(), 256, "out");
    machine.launch({}, {leaf::lanes}, 0, [&] { (void)leaf::load(&out[static_cast<std::size_t>(leaf::thread())]); });
  });
}

TEST_CASE_TEMPLATE("accesses outside, to what is read-only, and misaligned", Arch, sm80, gfx942) {
  using leaf = typename simulated<Arch>::leaf;
  const auto at = [](int thread) { return leaf::shared() + static_cast<std::uint32_t>(4 * thread); };
  faulty<Arch>(fault_kind::out_of_bounds, "of 256 of shared memory", [&](const simulated<Arch>& machine) {
    machine.launch({}, {2 * leaf::lanes}, 256, [&] { leaf::store_shared(at(leaf::thread() + 1) + 256 - leaf::lanes * 8, 1.0f); });
  });
  constexpr std::size_t count = leaf::lanes;
  std::vector<float> in(count + 64, 1.0f), out = in;  // what lies beyond the end of one is not the other
  const auto device = [&](const simulated<Arch>& machine) {
    machine.readable(in.data(), count * 4, "in");
    machine.writable(out.data(), count * 4, "out");
  };
  clean<Arch>([&](const simulated<Arch>& machine) {
    device(machine);
    machine.launch({}, {leaf::lanes}, 0, [&] {
      leaf::store(&out[static_cast<std::size_t>(leaf::thread())], leaf::load(&in[static_cast<std::size_t>(leaf::thread())]) + 1);
    });
    CHECK(out[count - 1] == 2);
  });
  faulty<Arch>(fault_kind::out_of_bounds, "0 bytes beyond the end of 'in'", [&](const simulated<Arch>& machine) {
    device(machine);
    machine.launch({}, {leaf::lanes}, 0, [&] { (void)leaf::load(in.data() + leaf::thread() + 1); });
  });
  faulty<Arch>(fault_kind::out_of_bounds, "read-only", [&](const simulated<Arch>& machine) {
    device(machine);
    machine.launch({}, {leaf::lanes}, 0, [&] { leaf::store(in.data() + leaf::thread(), 3.0f); });
    CHECK(in.front() == 1);
  });
  faulty<Arch>(fault_kind::misaligned, "of 16 bytes", [&](const simulated<Arch>& machine) {
    machine.launch({}, {leaf::lanes}, 4096, [&] { leaf::store_shared(at(leaf::thread()), tenon::bits128{}); });
  });
}

TEST_CASE_TEMPLATE("blocks of one launch are not ordered", Arch, sm80, gfx942) {
  using leaf = typename simulated<Arch>::leaf;
  std::vector<int> out(1024);
  const auto write = [&](int per_block) {
    return [&out, per_block](const simulated<Arch>& machine) {
      machine.writable(out.data(), out.size() * 4, "out");
      machine.launch({3}, {leaf::lanes}, 0,
                     [&] { leaf::store(out.data() + leaf::block_x() * per_block + leaf::thread(), leaf::block_x()); });
    };
  };
  clean<Arch>(write(leaf::lanes));
  faulty<Arch>(fault_kind::race, "another block", write(leaf::lanes - 1));
}

TEST_CASE_TEMPLATE("threads of one block order what they write to global memory", Arch, sm80, gfx942) {
  using leaf = typename simulated<Arch>::leaf;
  std::vector<int> out(2 * leaf::lanes + 64);
  const auto exchange = [&] {
    return [&out](const simulated<Arch>& machine) {
      machine.writable(out.data(), 2 * leaf::lanes * 4, "out");
      machine.launch({2}, {2 * leaf::lanes}, 0, [&] {
        if (leaf::block_x() == 1) return;
        leaf::store(out.data() + leaf::thread(), leaf::thread());
        leaf::barrier();
        if (leaf::thread() == 0) CHECK(leaf::load(out.data() + 1) == 1);
        if (leaf::thread() == 1) leaf::store(out.data() + 2 * leaf::lanes - 1, 0);
      });
    };
  };
  clean<Arch>(exchange());
  faulty<Arch>(fault_kind::race, "another thread wrote at", [&](const simulated<Arch>& machine) {
    machine.writable(out.data(), 2 * leaf::lanes * 4, "out");
    machine.launch({}, {2 * leaf::lanes}, 0, [&] { leaf::store(out.data() + leaf::thread() / 2, 1); });
  });
}

TEST_CASE_TEMPLATE("barriers are for all threads, at one place", Arch, sm80, gfx942) {
  using leaf = typename simulated<Arch>::leaf;
  faulty<Arch>(fault_kind::divergent_barrier, "meets barrier", [](const simulated<Arch>& machine) {
    machine.launch({}, {2 * leaf::lanes}, 0, [&] {
      if (leaf::thread() < leaf::lanes)
        leaf::barrier();
      else
        leaf::barrier();
    });
  });
  faulty<Arch>(fault_kind::divergent_barrier, "which has ended", [](const simulated<Arch>& machine) {
    machine.launch({}, {2 * leaf::lanes}, 0, [&] {
      if (leaf::thread() == 3) return;
      leaf::barrier();
    });
    CHECK(machine.report().finished);
  });
}

TEST_CASE_TEMPLATE("what a warp does together, all its lanes do", Arch, sm80, gfx942) {
  using leaf = typename simulated<Arch>::leaf;
  clean<Arch>([](const simulated<Arch>& machine) {
    machine.launch({}, {2 * leaf::lanes}, 0, [&] {
      const int t = leaf::thread();
      CHECK(leaf::shuffle_xor(static_cast<std::uint32_t>(t), 5) == static_cast<std::uint32_t>(t ^ 5));
      CHECK(leaf::shuffle_xor(static_cast<float>(t), leaf::lanes / 2) == static_cast<float>(t ^ leaf::lanes / 2));
      CHECK(leaf::any(t == 1) == (t < leaf::lanes));
      CHECK(leaf::uniform(t / leaf::lanes) == t / leaf::lanes);
    });
  });
  const auto diverges = [](auto&& other) {
    return [other](const simulated<Arch>& machine) {
      machine.launch({}, {leaf::lanes}, 0, [&] {
        if (leaf::thread() == 1) return other();
        leaf::shuffle_xor(1.0f, 1);
      });
    };
  };
  faulty<Arch>(fault_kind::divergent_collective, "meets shuffle", diverges([] { leaf::shuffle_xor(1.0f, 1); }));
  faulty<Arch>(fault_kind::divergent_collective, "vote", diverges([] { leaf::any(true); }));
  faulty<Arch>(fault_kind::divergent_collective, "which has ended", diverges([] {}));
  faulty<Arch>(fault_kind::divergent_collective, "which waits in a barrier", diverges([] { leaf::barrier(); }));
  faulty<Arch>(fault_kind::invalid, "all lanes must have one value",
               [](const simulated<Arch>& machine) { machine.launch({}, {leaf::lanes}, 0, [&] { leaf::uniform(leaf::thread()); }); });
  faulty<Arch>(fault_kind::invalid, "with mask",
               [](const simulated<Arch>& machine) { machine.launch({}, {leaf::lanes}, 0, [&] { leaf::shuffle_xor(1.0f, leaf::lanes); }); });
  // A launch that was given up leaves the machine usable.
  const simulated<Arch> machine;
  diverges([] {})(machine);
  CHECK(!machine.report().finished);
  machine.clear_report();
  exchange<Arch>(true)(machine);
  CHECK(machine.report().clean());
}

// Two stages of 16 bytes per thread: what is wrong depends on `waits` and `with_barrier`.
struct pipeline {
  int pending;  // of the wait before the first stage is read; 1 is right
  bool with_barrier, overwrite;
  void operator()(const simulated<sm80>& machine) const {
    using leaf = simulated<sm80>::leaf;
    std::vector<tenon::bits128> in(128);
    for (std::uint32_t i = 0; i < 128; ++i) in[i].word[0] = i;
    machine.readable(in.data(), in.size() * 16, "in");
    machine.launch({}, {64}, 2048, [&] {
      const auto t = static_cast<std::uint32_t>(leaf::thread());
      for (std::uint32_t stage = 0; stage < 2; ++stage) {
        leaf::copy_16(leaf::shared() + 1024 * stage + 16 * t, &in[64 * stage + t]);
        leaf::commit();
      }
      if (overwrite) leaf::store_shared(leaf::shared() + 1024 + 16 * t, 1.0f);
      if (pending == 1) leaf::wait<1>();
      if (pending == 2) leaf::wait<2>();
      if (with_barrier) leaf::barrier();
      const std::uint32_t other = with_barrier && pending != 2 ? 63 - t : t;
      const std::uint32_t got = leaf::load_shared<std::uint32_t>(leaf::shared() + 16 * other);
      if (pending == 1) CHECK(got == other);
      if (pending == 2 && machine.how().copies == copies::lazy) CHECK(got == 0xffffffffu);
      leaf::wait<0>();
    });
  }
};

TEST_CASE("asynchronous copies: from issue to wait, and a barrier for other threads") {
  clean<sm80>(pipeline{1, true, false});
  clean<sm80>(pipeline{1, false, false});  // a thread's own bytes need no barrier
  faulty<sm80>(fault_kind::skipped_await, "may still write", pipeline{2, true, false});
  faulty<sm80>(fault_kind::skipped_await, "may still write", pipeline{1, true, true});
  faulty<sm80>(fault_kind::race, "are not ordered", [](const simulated<sm80>& machine) {
    using leaf = simulated<sm80>::leaf;
    const std::vector<tenon::bits128> in(64);
    machine.readable(in.data(), in.size() * 16, "in");
    machine.launch({}, {64}, 1024, [&] {
      const auto t = static_cast<std::uint32_t>(leaf::thread());
      leaf::copy_16(leaf::shared() + 16 * t, &in[t]);
      leaf::commit();
      leaf::wait<0>();
      leaf::sync_warp();  // not enough: the other warp's copy
      leaf::load_shared<float>(leaf::shared() + 16 * (63 - t));
    });
  });
}

TEST_CASE("a copy of fewer bytes fills with zeros, and reads no more") {
  clean<sm80>([](const simulated<sm80>& machine) {
    using leaf = simulated<sm80>::leaf;
    std::vector<std::uint16_t> in(32 * 8, 7);
    machine.readable(in.data(), 20, "in");
    machine.launch({}, {32}, 512, [&] {
      const int t = leaf::thread(), left = 20 - 16 * t, bytes = left < 0 ? 0 : left > 16 ? 16 : left;
      const auto at = leaf::shared() + static_cast<std::uint32_t>(16 * t);
      leaf::copy_16(at, in.data() + 8 * t, bytes);
      leaf::commit();
      leaf::wait<0>();
      for (std::uint32_t i = 0; i < 8; ++i)
        CHECK(leaf::load_shared<std::uint16_t>(at + 2 * i) == (static_cast<int>(2 * i) < bytes ? 7 : 0));
    });
  });
  faulty<sm80>(fault_kind::out_of_bounds, "'in'", [](const simulated<sm80>& machine) {
    using leaf = simulated<sm80>::leaf;
    const std::vector<std::uint16_t> in(16 * 8);
    machine.readable(in.data(), 20, "in");
    machine.launch({}, {32}, 512, [&] {
      leaf::copy_16(leaf::shared() + static_cast<std::uint32_t>(16 * leaf::thread()), in.data() + 8 * (leaf::thread() % 2));
    });
    CHECK(machine.report().unawaited == 16);  // the other lanes' were refused
  });
}

TEST_CASE("a launch that no device could begin, and what a body throws") {
  const simulated<sm80> machine;
  CHECK_THROWS_WITH_AS(machine.launch({}, {33}, 0, [] {}), doctest::Contains("multiple of 32"), tenon::error);
  CHECK_THROWS_WITH_AS(machine.launch({0}, {32}, 0, [] {}), doctest::Contains("[grid]"), tenon::error);
  CHECK_THROWS_WITH_AS(machine.launch({}, {32}, 200'000, [] {}), doctest::Contains("at most 166912"), tenon::error);
  CHECK_THROWS_WITH_AS(machine.launch({2}, {32}, 0, [] { throw tenon::error("mine"); }), "mine", tenon::error);
  CHECK_THROWS_WITH_AS(machine.launch({}, {32}, 0, [&] { machine.launch({}, {32}, 0, [] {}); }), doctest::Contains("inside a kernel"),
                       tenon::error);
}

}  // namespace
