// What a score learns on sm_80, as the PTX that nvcc makes of its kernels, started by attend_backward as it is called on a processor, executed and compared
// with finite differences of the reference.
#include "ptx_machine.hpp"

#include "../support/gpu_learned_case.hpp"
#include "attention_backward_learned_problems.hpp"
#include "ptx_breaks.hpp"

namespace {

// attend_backward's problem over arrays of the host.
using of_views = tenon::kernel_detail::backward_of_views<tenon::bf16, tenon_test::back_learned_64::mask, tenon_test::back_learned_64::score, tenon::sigmoid, 64>;
using learned = tenon_test::learned_kernels<tenon_test::ptx_leaf, tenon::words_of<tenon::sm80>, of_views>;

}  // namespace
TENON_TEST_LEARNED_KERNELS(TENON_TEST_NAME)

namespace {

using namespace tenon;
using namespace tenon::testing;
using namespace tenon_test;

template <class T>
using buffer = ptx::Buffer<T>;

TEST_CASE("waves by distance, a bias by key, a task by query; the same bits in every way") {
  ptx::Module module = ptx::load(TENON_TEST_PTX);
  const backward_problem p = rounded_problem({2, 1, 64, 64}, 20, 150, 8);
  learned_chain<buffer> chain(2, 20, 150);
  int turn = 0;
  check_learned(p, chain.operands(), causal{} & window{.width = 100}, chain.score(), sigmoid{.bias = -4.0f}, [&](const auto& f) {
    for (const ptx::Options& way : ptx_ways()) f(ptx_machine(module, way));
  }, [&](const auto&) { return turn++ == 0; });
}

/// A line whose address, in a register of `bits`, is four bytes further.
std::string four_further(const std::string& line, const char* bits) {
  const std::size_t open = line.find('['), end = line.find_first_of("+]", open);
  return std::string("{ .reg .b") + bits + " other; add.s" + bits + " other, " + line.substr(open + 1, end - open - 1) + ", 4; " + line.substr(0, open + 1) + "other" + line.substr(end) + " }";
}

TEST_CASE("every barrier and every wait left out, every sum taken or stored four bytes further shows") {
  ptx::Module whole = ptx::load(TENON_TEST_PTX);
  const auto nothing = [](const std::string&) { return std::string(); };
  const auto further_in_shared = [](const std::string& line) { return four_further(line, "32"); };
  const break_of barriers[] = {{"the barrier left out", "bar.sync", nothing}, {"the wait for copies left out", "cp.async.wait_group", nothing}};
  const break_of sums[] = {{"a sum taken from further on", "ld.shared.u32", further_in_shared}};
  const break_of sums_stored[] = {{"a sum stored further on", "st.shared.u32", further_in_shared}};
  const break_of results[] = {{"a result stored further on", "st.global.f32", [](const std::string& line) { return four_further(line, "64"); }}};

  // Of more than one tile, block of keys and head; what comes of it unbroken is what is right, as the test before shows of a smaller one.
  const backward_problem p = rounded_problem({5, 5, 64, 64}, 100, 200, 8);
  learned_chain<buffer> chain(5, 100, 200);
  const auto operands = chain.operands();
  const auto learned_on = [&](const auto& machine) {
    for (const learned_operand& o : operands) std::fill(o.found.begin(), o.found.end(), 0.0f);
    train_once(machine, p, causal{} & window{.width = 100}, chain.score(), sigmoid{.bias = -4.0f});
    std::vector<float> all;
    for (const learned_operand& o : operands) all.insert(all.end(), o.found.begin(), o.found.end());
    return all;
  };
  const std::vector<float> right = learned_on(ptx_machine(whole, {}));
  broken_run run{whole, [&](const auto& machine) { return distance(learned_on(machine), std::vector<double>(right.begin(), right.end())); }};
  // Of loops that the compiler unrolled not every copy is run.
  const auto broken_at = [&](const char* kernel, std::span<const break_of> rows) {
    std::set<std::size_t> executed;
    for (const ptx::LineStat& line : run.launch(whole, kernel, {}).lines) executed.insert(line.line);
    return break_everywhere(run, kernel, 0, rows, &executed);
  };
  for (const auto& [kernel, least] : {std::pair{"learned_by_distance", 3}, {"learned_by_key", 4}, {"learned_by_query", 3}}) {
    CHECK(broken_at(kernel, barriers) >= least);
    CHECK(broken_at(kernel, sums) >= 1);
    CHECK(broken_at(kernel, results) == 1);
  }
  CHECK(broken_at("learned_by_key", sums_stored) >= 2);
  for (const char* kernel : {"deliver_distances", "deliver_keys", "deliver_queries"}) CHECK(broken_at(kernel, results) >= 1);
}

}  // namespace
