// The kernels of attention's gradients, executed: against the reference in double, without a fault, whatever the order of warps and of copies.
// Many more problems, and breaks: exhaustive/attention_backward_*.cpp.
#include "attention_backward_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

/// A mask, a score with a slope, sinks that learn, two heads to a group.
struct problem {
  using mask = both<causal, window>;
  using score = chain<scaled, soft_cap>;
  using weighting = sink;
  using out = bf16;
  using gradient = bf16;
  static constexpr int dim = 64, group = 2;
};

TEST_CASE_TEMPLATE("gradients of attention", Arch, sm80, gfx942) {
  const std::vector<float> logits{0.5f, -3.0f};
  check_backward<Arch>(backward_case<problem>({1, 2, 1, 37, 150}, causal{} & window{.width = 70}, scaled{} >> soft_cap{.cap = 5.0f}, {.logits = logits.data()}));
}

}  // namespace
