// What stands between a kernel and a GPU, executed over GPUs that are not there: the same cases for each vendor. The file that includes this
// says before: `device`, `runtime`, `calls` (how the vendor's calls begin), and `numbers`, of devices that are old, served by `lesser`, served
// by `greater`. Kernels are functions of the host here.

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/launch/gpu/graph.hpp>
#include <tenon/kernels/launch/gpu/step.hpp>

#include "fake_gpus.hpp"

namespace fake = tenon_test::fake;

namespace {
/// Of a list, but not compiled: nothing of it is ever instantiated.
struct absent {
  static constexpr int number = -1;
};
}  // namespace

TENON_KERNELS_BEGIN

template <>
struct gpu_kernels<runtime> {
  template <class Body>
  static constexpr char place = 0;
  template <class Arch, class Body>
  static const void* address() {
    fake::kernels()[&place<Body>] = {Body::name, sizeof(Body), [](const void* argument, const std::vector<unsigned>& size, std::size_t) {
                                       for (unsigned block = 0; block < size[0] * size[1] * size[2]; ++block) (*static_cast<const Body*>(argument))();
                                       return int{Body::fault};
                                     }};
    return &place<Body>;
  }
};

template <>
struct gpu_targets<runtime> {
  using archs = arch_list<absent, greater, lesser>;
  static const char* lacking(int arch, int) { return arch == 7 ? "it has half of it. Fix: another one" : nullptr; }
  static constexpr const char* fix = "compile for it";
  template <class Arch>
  static consteval bool holds() {
    return Arch::number > 0;
  }
  static int serving(const device& gpu) { return std::string(gpu.facts().name) == "Half" ? 7 : gpu.number() >= greater::number ? greater::number : gpu.number() >= lesser::number ? lesser::number : 0; }
  static const char* names() { return "what there is"; }
};

TENON_KERNELS_END

namespace {

using namespace tenon;
using doctest::Contains;

/// Adds to a number, once for every block.
struct adds {
  static constexpr const char* name = "adds";
  static constexpr int threads = 32, fault = fake::fine;
  int *to, by;
  void operator()() const { *to += by; }
};
struct doubles {
  static constexpr const char* name = "doubles";
  static constexpr int threads = 32, fault = fake::fine;
  int* to;
  void operator()() const { *to *= 2; }
};
/// Goes where it must not.
struct strays {
  static constexpr const char* name = "strays";
  static constexpr int threads = 32, fault = fake::illegal_address;
  void operator()() const {}
};

void one_gpu() { fake::reset({{"Lesser", numbers[1]}}); }
std::string call(const char* name) { return std::string(calls) + name; }
gpu_machine<runtime, lesser> machine(int index = 0) { return gpu_machine<runtime, lesser>(device{index}); }
/// What `f` was refused with; empty where it was not.
template <class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const error& e) {
    return e.what();
  }
  return {};
}
int read(const device& gpu, const int* from) {
  int out = 0;
  gpu.copy(&out, from, sizeof out);
  gpu.synchronize();
  return out;
}

TEST_CASE("without a device: none is counted, and one sentence says why") {
  for (const int code : {int{fake::no_device}, int{fake::insufficient_driver}}) {
    one_gpu();
    fake::now().count_code = code;
    CHECK(device::count() == 0);
    const std::string said = refusal([] { device{0}; });
    CHECK(said.find(std::string("no ") + runtime::vendor + " GPU can be used here: " + fake::text(code)) == 0);
    CHECK(said.find(call("GetDeviceCount") + ", code " + std::to_string(code) + "). Fix: ") != said.npos);
    CHECK(fake::now().last_error == fake::fine);
  }
  fake::reset({});
  CHECK(device::count() == 0);
  CHECK(refusal([] { device{0}; }).find("there is none") != std::string::npos);
  one_gpu();
  fake::now().count_code = 999;  // not 'no device': nobody should take it for that
  CHECK_THROWS_WITH_AS(device::count(), Contains("(code 999)"), error);
}

TEST_CASE("devices are numbered, and say what they are") {
  fake::reset({{"First", numbers[1]}, {"Second", numbers[2]}});
  CHECK(device::count() == 2);
  const device second{1};
  CHECK(second.index() == 1);
  CHECK(second.number() == numbers[2]);
  CHECK(std::string(second.facts().name) == "Second");
  CHECK(second.facts().lanes > 0);
  CHECK(second.facts().memory_bytes == std::size_t{64} << 20);
  CHECK_THROWS_WITH_AS(device{2}, Contains("2 is no device: here are 2, numbered from 0. Fix: "), error);
  CHECK_THROWS_WITH_AS(device{-1}, Contains("-1 is no device"), error);
}

TEST_CASE("memory is zeroed, aligned, owned by one, and given back once") {
  one_gpu();
  const device gpu{0};
  for (const placed where : {placed::device, placed::pinned, placed::unified}) {
    auto first = gpu.array<int>(100, where);
    CHECK(first.size() == 100);
    CHECK(reinterpret_cast<std::uintptr_t>(first.data()) % 256 == 0);
    CHECK(read(gpu, first.data() + 99) == 0);
    int* const at = first.data();
    auto second = std::move(first);
    CHECK((first.data() == nullptr && second.data() == at));
    auto& same = second;
    second = std::move(same);
    CHECK(second.data() == at);
    second = gpu.array<int>(7, where);
    CHECK(fake::now().memory.size() == 1);
  }
  CHECK(fake::now().nothing_left());
  const auto before = fake::now().calls.size();
  CHECK(gpu.memory(0).data() == nullptr);
  CHECK(fake::now().calls.size() == before);
  static_assert(!std::is_copy_constructible_v<gpu_memory<runtime>> && std::is_nothrow_destructible_v<gpu_memory<runtime>>);
}

TEST_CASE("memory that is not there, or has no size, is one sentence") {
  one_gpu();
  const device gpu{0};
  const std::string said = refusal([&] { gpu.memory(std::size_t{65} << 20, placed::device, "the weights"); });
  CHECK(said.find("not enough memory: the weights needs 66560 KiB of " + std::string(runtime::machine) + "{0}: out of memory (" + call("Malloc") + ", code 2). Fix: ") == 0);
  CHECK(fake::now().last_error == fake::fine);
  CHECK_THROWS_WITH_AS(gpu.array<double>(-1), Contains("is -1"), error);
  CHECK_THROWS_WITH_AS(gpu.array<double>(std::numeric_limits<index_t>::max() / 4), Contains("has no such size"), error);
  CHECK(fake::now().nothing_left());
}

TEST_CASE("copies, fills and launches keep their order, each on its device") {
  fake::reset({{"First", numbers[1]}, {"Second", numbers[1]}});
  const auto first = machine(0), second = machine(1);
  auto here = first.array<int>(2), there = second.array<int>(2, placed::unified);
  const auto last_call = [] { return fake::now().calls.back(); };
  first.fill(here.data(), 1, sizeof(int));
  CHECK(last_call() == call("MemsetAsync@0"));
  second.copy(there.data(), there.data() + 1, 0);  // nothing
  first.launch({2, 3, 1}, {32}, 0, adds{here.data(), 10});
  CHECK(last_call() == call("LaunchKernel@0"));
  second.copy(there.data(), here.data(), sizeof(int));
  CHECK(last_call() == call("MemcpyAsync@1"));
  first.copy(here.data() + 1, here.data(), sizeof(int));
  CHECK(last_call() == call("MemcpyAsync@0"));
  second.launch({1, 1, 1}, {32}, 0, doubles{there.data()});
  const auto reached = first.mark();
  CHECK(last_call() == call("EventRecord@0"));
  second.after(reached);
  CHECK(last_call() == call("StreamWaitEvent@1"));
  first.synchronize();
  CHECK(last_call() == call("StreamSynchronize@0"));
  CHECK(read(first, here.data()) == 0x01010101 + 60);
  CHECK(read(second, there.data()) == 2 * (0x01010101 + 60));
  REQUIRE(fake::now().launches.size() == 2);
  CHECK(fake::now().launches[0].device == 0);
  CHECK(fake::now().launches[1].device == 1);
  CHECK(fake::now().launches[0].grid_and_block == std::vector<unsigned>{2, 3, 1, 32, 1, 1});
}

TEST_CASE("a launch that no device could begin is refused in a sentence") {
  one_gpu();
  const auto gpu = machine();
  auto number = gpu.array<int>(1);
  const adds body{number.data(), 1};
  CHECK_THROWS_WITH_AS(gpu.launch({0, 1, 1}, {32}, 0, body), Contains("[grid] of launch is 0 x 1 x 1"), error);
  CHECK_THROWS_WITH_AS(gpu.launch({1, 65536, 1}, {32}, 0, body), Contains("at most 65535"), error);
  CHECK_THROWS_WITH_AS(gpu.launch({1, 1, 1}, {64}, 0, body), Contains("compiled for 32. Fix: "), error);
  CHECK_THROWS_WITH_AS(gpu.launch({1, 1, 1}, {32}, lesser::shared_limit + 1, body), Contains("[shared_bytes]"), error);
  CHECK(fake::now().launches.empty());
  gpu.launch({1, 1, 1}, {32}, 60 * 1024, body);  // more than a block has without a word
  CHECK(fake::now().launches.size() == 1);
  fake::now().fail(call("LaunchKernel"), fake::no_kernel_image);
  const std::string said = refusal([&] { gpu.launch({1, 1, 1}, {32}, 0, body); });
  CHECK(said.find(std::string(runtime::machine) + "{0}: " + call("LaunchKernel") + " failed: no kernel image is available for execution on the device (code 209). Fix: compile for this device") == 0);
  CHECK(fake::now().last_error == fake::fine);
}

TEST_CASE("what a kernel did wrong is said by the call that waits for it") {
  one_gpu();
  const auto gpu = machine();
  auto number = gpu.array<int>(1);
  gpu.launch({1, 1, 1}, {32}, 0, strays{});
  gpu.launch({1, 1, 1}, {32}, 0, adds{number.data(), 1});  // what comes after does not hide it
  CHECK_THROWS_WITH_AS(gpu.synchronize(), Contains("an illegal memory access was encountered (code 700). Fix: "), error);
  gpu.launch({1, 1, 1}, {32}, 0, strays{});
  const auto end = gpu.mark();
  CHECK_THROWS_WITH_AS(end.wait(), Contains("code 700"), error);
}

TEST_CASE("events measure, and order streams") {
  one_gpu();
  const auto gpu = machine();
  const gpu_stream<runtime> stream(0);
  const device beside = gpu.on(stream);
  auto number = gpu.array<int>(1);
  const auto begin = gpu.mark();
  gpu.launch({1, 1, 1}, {32}, 0, adds{number.data(), 1});
  gpu.launch({1, 1, 1}, {32}, 0, adds{number.data(), 1});
  const auto end = gpu.mark();
  beside.after(end);
  end.wait();
  CHECK(end.since(begin) == 2.0f);
  CHECK(fake::now().times(call("StreamWaitEvent")) == 1);
}

TEST_CASE("with_arch takes the best architecture that serves the device, and says so where none does") {
  fake::reset({{"Old", numbers[0]}, {"Lesser", numbers[1]}, {"Greater", numbers[2]}});
  const auto name = [](const auto& gpu) { return std::string(std::decay_t<decltype(gpu)>::arch::name); };
  CHECK(with_arch(device{1}, name) == lesser::name);
  CHECK(with_arch(device{2}, name) == greater::name);
  const std::string said = refusal([&] { with_arch(device{0}, name); });
  CHECK(said.find(std::string(runtime::machine) + "{0} is a Old, ") == 0);
  CHECK(said.find("compiled for what there is, whose kernels it cannot run. Fix: compile for it.") != said.npos);
  CHECK(with_arch<arch_list<lesser>>(device{1}, name) == lesser::name);
  CHECK_THROWS_WITH_AS(with_arch<arch_list<lesser>>(device{2}, name), Contains("whose kernels it cannot run"), error);
  fake::reset({{"Half", numbers[0]}});
  CHECK_THROWS_WITH_AS(with_arch(device{0}, name), Contains(": it has half of it. Fix: another one."), error);
  fake::reset({{"Old", numbers[0]}, {"Lesser", numbers[1]}, {"Greater", numbers[2]}});
  // A device in an order of work of its own stays in it.
  const gpu_stream<runtime> stream(1);
  CHECK(with_arch(device{1}.on(stream), [&](const auto& gpu) { return gpu.stream() == stream.handle(); }));
}

TEST_CASE("a recording runs when it is replayed, over what memory holds then") {
  one_gpu();
  const auto gpu = machine();
  auto number = gpu.array<int>(1);
  int by = 5;
  auto step = record(gpu, [&](const auto& recorder) {
    recorder.launch({1, 1, 1}, {32}, 0, adds{number.data(), by});
    recorder.launch({1, 1, 1}, {32}, 0, doubles{number.data()});
  });
  static_assert(std::is_move_constructible_v<decltype(step)> && !std::is_copy_constructible_v<decltype(step)>);
  CHECK(read(gpu, number.data()) == 0);
  step.replay(), step.replay();
  CHECK(read(gpu, number.data()) == 30);
  by = 1;
  step.replay();
  CHECK(read(gpu, number.data()) == 70);
  step.refresh();  // takes over the argument, and runs nothing
  CHECK(read(gpu, number.data()) == 70);
  step.replay();
  CHECK(read(gpu, number.data()) == 142);
  CHECK(fake::now().times(call("GraphInstantiate")) == 1);
  CHECK(fake::now().graphs.empty());
}

TEST_CASE("a recording of other kernels than before is made anew") {
  one_gpu();
  const auto gpu = machine();
  auto number = gpu.array<int>(1);
  bool once_more = false;
  {
    auto step = record(gpu, [&](const auto& recorder) {
      recorder.launch({1, 1, 1}, {32}, 0, adds{number.data(), 1});
      if (once_more) recorder.launch({1, 1, 1}, {32}, 0, doubles{number.data()});
    });
    once_more = true;
    step.refresh();
    step.replay();
    CHECK(read(gpu, number.data()) == 2);
    CHECK(fake::now().times(call("GraphInstantiate")) == 2);
    CHECK(fake::now().ready.size() == 1);
  }
  CHECK(fake::now().ready.empty());
  CHECK(fake::now().streams.empty());
}

TEST_CASE("what is repeated is recorded once, and anew where it reaches further") {
  one_gpu();
  const auto gpu = machine();
  auto number = gpu.array<int>(1);
  repeated_on<std::remove_const_t<decltype(gpu)>> step;
  int told = 0;
  const auto once_more = [&](int by, index_t reach) {
    step(gpu, reach, [&](const auto& on) {
      ++told;
      on.launch({1, 1, 1}, {32}, 0, adds{number.data(), by});
    });
    return read(gpu, number.data());
  };
  CHECK(once_more(5, 512) == 5);
  CHECK(once_more(7, 512) == 10);  // what was launched the first time
  CHECK(told == 1);
  CHECK(once_more(7, 1024) == 17);
  CHECK(told == 2);
  auto moved = std::move(step);
  moved(gpu, 1024, [](const auto&) { CHECK(false); });
  CHECK(read(gpu, number.data()) == 24);
  CHECK(fake::now().times(call("GraphInstantiate")) == 2);
}

TEST_CASE("what cannot be recorded is refused, and the recording ends") {
  one_gpu();
  const auto gpu = machine();
  CHECK_THROWS_WITH_AS(record(gpu, [](const auto& recorder) { recorder.memory(16); }), Contains("operation not permitted when stream is capturing"), error);
  CHECK_THROWS_WITH_AS(record(gpu, [](const auto& recorder) { recorder.synchronize(); }), Contains("Fix: "), error);
  CHECK_THROWS_AS(record(gpu, [](const auto&) { throw 7; }), int);
  CHECK(fake::now().nothing_left());
  auto number = gpu.array<int>(1);  // nothing records any more
  CHECK(read(gpu, number.data()) == 0);
}

TEST_CASE("a recording on a processor calls its function") {
  int count = 0;
  auto step = record(cpu_scalar({.threads = 1}), [&](const auto& here) { count += here.threads(); });
  step.replay(), step.refresh(), step.replay();
  CHECK(count == 2);
}

// Everything at once: what a program does that decodes.
void decode() {
  const auto gpu = with_arch(device{0}, [](const device& one) { return gpu_machine<runtime, lesser>(one); });
  auto number = gpu.array<int>(1, placed::device), seen = gpu.array<int>(1, placed::pinned), both = gpu.array<int>(1, placed::unified);
  const gpu_stream<runtime> stream(0);
  int by = 1;
  auto step = record(gpu, [&](const auto& recorder) {
    recorder.launch({1, 1, 1}, {32}, 60 * 1024, adds{number.data(), by});
    recorder.fill(both.data(), 0, sizeof(int));
    recorder.copy(both.data(), number.data(), sizeof(int));
  });
  const auto begin = gpu.mark();
  step.replay();
  by = 2;
  step.refresh();
  step.replay();
  const auto end = gpu.mark();
  gpu.on(stream).after(end);
  end.wait();
  if (!(end.since(begin) > 0)) throw error("no time passed");
  gpu.copy(seen.data(), both.data(), sizeof(int));
  gpu.synchronize();
  if (*seen.data() != 3) throw error("the sum is ", *seen.data());
}

TEST_CASE("whichever call fails, one sentence names it and nothing is left behind") {
  one_gpu();
  decode();
  REQUIRE(fake::now().nothing_left());
  const std::vector<std::string> all = fake::now().calls;
  REQUIRE(all.size() > 40);
  std::map<std::string, int> before;
  int refused = 0, quiet = 0;
  for (const std::string& one : all) {
    const std::string name = one.substr(0, one.find('@'));
    const bool ends = name.find("Free") != name.npos || name.find("Destroy") != name.npos;
    CAPTURE(name);
    const int nth = before[name]++;
    CAPTURE(nth);
    one_gpu();
    fake::now().fail(name, fake::illegal_address, nth);
    const std::string said = refusal(decode);
    if (ends) {
      CHECK(said == "");  // a destructor never throws
      ++quiet;
    } else {
      CHECK(said.find(name) != said.npos);
      CHECK(said.find("an illegal memory access was encountered") != said.npos);
      CHECK(said.find(". Fix: ") != said.npos);
      CHECK(fake::now().nothing_left());
      ++refused;
    }
    CHECK(fake::now().last_error == fake::fine);
    // What was not given back, because giving it back failed, is given back here.
    for (const auto& [at, what] : fake::now().memory) TENON_REACH(true, reinterpret_cast<void*>(at), what.bytes), std::free(reinterpret_cast<void*>(at));
    for (auto* s : fake::now().streams) delete s;
    for (auto* e : fake::now().events) delete e;
    for (auto* g : fake::now().graphs) delete g;
    for (auto* g : fake::now().ready) delete g;
    one_gpu();
  }
  CHECK(refused > 30);
  CHECK(quiet > 5);
}

}  // namespace
