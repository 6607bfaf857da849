// The kernels of attention's gradients for sm_80, executed: against the reference in double, without a fault, whatever the order of warps and of
// copies. Many more problems, and breaks: exhaustive/attention_backward_sm80.cpp.
#include <tenon/kernels/launch/nvidia/attention_backward.hpp>

#include "attention_backward_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

struct walks {
  template <class Leaf, class Problem>
  using keys = nvidia_attention_backward_keys<Leaf, Problem>;
  template <class Leaf, class Problem>
  using rows = nvidia_attention_backward_rows<Leaf, Problem>;
};

/// A mask, a score with a slope, sinks that learn, two heads to a group.
struct problem {
  using mask = both<causal, window>;
  using score = chain<scaled, soft_cap>;
  using weighting = sink;
  using out = bf16;
  using gradient = bf16;
  static constexpr int dim = 64, group = 2;
};

TEST_CASE("gradients of attention on sm_80") {
  const std::vector<float> logits{0.5f, -3.0f};
  check_backward<sm80, walks>(backward_case<problem>({1, 2, 1, 37, 150}, causal{} & window{.width = 70}, scaled{} >> soft_cap{.cap = 5.0f}, {.logits = logits.data()}));
}

}  // namespace
