// What a score learns on sm_80, as the PTX that nvcc makes of its kernels, started by attend_backward as it is called on a processor, executed and compared
// with finite differences of the reference.
#include "ptx_machine.hpp"

#include "../support/gpu_learned_case.hpp"
#include "attention_backward_learned_problems.hpp"

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

}  // namespace
