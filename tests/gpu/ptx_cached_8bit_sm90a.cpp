// The tests of ptx_cached_8bit.cpp for sm_90a, in its own kernels, which are also broken in one place at a time: every break must show.
#include <set>

#include "ptx_breaks.hpp"
#include "tensor_bodies.hpp"
#define TENON_TEST_BODIES tenon_test::tensor_bodies
#include "ptx_cached_8bit.cpp"

namespace {

const char* const fence_left_out = "a fence before products left out";
const break_of kept_breaks[] = {
    {"a copy from 16 bytes further", "cp.async.bulk.shared",
     [](const std::string& line) {
       const std::size_t open = line.find('[', line.find("],")), end = line.find(']', open);
       return "{ .reg .b64 other; add.s64 other, " + line.substr(open + 1, end - open - 1) + ", 16; " + line.substr(0, open + 1) + "other" + line.substr(end) + " }";
     }},
    {fence_left_out, "fence.proxy.async", [](const std::string&) { return std::string(); }},
    {"a chunk not stored", "st.shared.v4", [](const std::string&) { return std::string(); }},
};

// Six blocks of keys, for two stages and four places where they wait; of the last one two warps have no rows, and one has some.
TEST_CASE("every break shows, wherever it is made") {
  ptx::Module whole = ptx::load(TENON_TEST_PTX);
  constexpr heads narrow{3, 1, 64, 64};
  constexpr index_t tokens = 690;
  const host_cache<int8_per_128, 1, 64> host(tokens, false);
  const auto run = [&](const auto& machine) {
    ptx::Buffer<std::byte> memory(cache_bytes<int8_per_128>(machine, narrow, tokens), "cache");
    const device_cache<3, 1, 64, int8_per_128> cache{.data = memory.data(), .shape = narrow, .capacity = tokens};
    return attended(machine, cache, host, tokens - 25, tokens, {.length = 1024}).second;
  };
  std::vector<break_of> all(std::begin(kept_breaks), std::end(kept_breaks));
  for (const break_of& one : breaks)
    if (std::string(one.what) != "cp.async.bulk.tensor") all.push_back(one);
  broken_run<decltype(run), machine_arch> broken{whole, run};
  std::set<std::size_t> executed;
  for (const ptx::LineStat& line : broken.launch(whole, "whole_int8", {}).lines) executed.insert(line.line);
  REQUIRE(broken.distance() < 5e-3);
  // Two that change nothing. The fence after q: those of the warps that bring, which saw q too, come before any product (under simulation a fence shows what its own
  // thread wrote). The wait for values that follows the one for the next keys: whoever brings these has brought those before.
  const auto but = [&](const char* what, int n) {
    const kernel_text text("whole_int8");
    for (std::size_t at = 0; at < text.lines.size(); ++at)
      if (text.lines[at].find(what) != std::string::npos && n-- == 0) {
        std::set<std::size_t> others = executed;
        others.erase(text.first + at);
        return others;
      }
    return executed;
  };
  const std::set<std::size_t> but_q = but("fence.proxy.async", 0), but_values = but("mbarrier.try_wait", 2);
  int tried = 0;
  for (const break_of& one : all)
    tried += break_everywhere(broken, "whole_int8", 5e-3, {&one, 1}, one.says == fence_left_out ? &but_q : one.says == breaks[0].says ? &but_values : &executed);
  CHECK(tried > 100);
}

}  // namespace
