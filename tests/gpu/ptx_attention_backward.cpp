// The kernels of attention's gradients for sm_80, as the PTX that nvcc makes of them, executed and compared with the reference in double.
#include "ptx_attention_backward_case.hpp"

namespace {

using namespace tenon_test;
using tenon::sm80;

TEST_CASE("causal: whole tiles, ragged ones, few queries over many keys, more queries than keys") { check_ptx_causal<sm80>(); }
TEST_CASE("lengths of their own in a batch; what lies beyond them is not read, and has no gradient") { check_ptx_lengths<sm80>(); }
TEST_CASE("a window, a soft cap and sinks that learn; also a window that leaves rows without keys") { check_ptx_capped<sm80>(); }
TEST_CASE("documents and alibi, the heads of a group") { check_ptx_documents<sm80>(); }
TEST_CASE("sigmoid") { check_ptx_sigmoid<sm80>(); }

TEST_CASE("four products of one walk and three of the other, and no bank conflicts") {
  ptx::Options fast;
  fast.check = false, fast.traffic = false;
  ptx_backward<sm80, back_causal_128> p({1, 1, 1, 256, 256}, {}, {}, {});
  const auto [keys, queries] = p.run("back_causal_128", fast);
  MESSAGE("keys: ", keys.instructions, " warp instructions, of which matrix products: ", keys.mma, "; queries: ", queries.instructions, ", of which ", queries.mma);
  CHECK(3 * keys.mma == 4 * queries.mma);
  ptx_backward<sm80, back_causal_128> small({1, 1, 1, 64, 128}, {}, {}, {});
  const auto counted = small.run("back_causal_128", {});
  for (const ptx::Report& report : {counted.first, counted.second})
    for (const ptx::LineStat& line : report.lines)
      if (line.text.find("ldmatrix") != line.text.npos) CHECK(line.shared_waves == 4 * line.shared_requests);  // 512 bytes: four passes at least
}

}  // namespace
