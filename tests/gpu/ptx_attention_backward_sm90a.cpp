// The kernels of attention's gradients for sm_90a, as the PTX that nvcc makes of them: executed and compared with the reference in double, and broken in
// one place at a time, where every break must show.
#include "ptx_attention_backward_case.hpp"
#include "ptx_breaks.hpp"

namespace {

using namespace tenon_test;
using tenon::sm90a;

TEST_CASE("causal: whole tiles, ragged ones, few queries over many keys, more queries than keys") { check_ptx_causal<sm90a>(); }
TEST_CASE("lengths of their own in a batch; what lies beyond them is not read, and has no gradient") { check_ptx_lengths<sm90a>(); }
TEST_CASE("a window, a soft cap and sinks that learn; also a window that leaves rows without keys") { check_ptx_capped<sm90a>(); }
TEST_CASE("documents and alibi, the heads of a group") { check_ptx_documents<sm90a>(); }
TEST_CASE("sigmoid") { check_ptx_sigmoid<sm90a>(); }

TEST_CASE("rows that come one by one") {
  ptx_backward<sm90a, back_causal_64> p({2, 2, 2, 150, 290}, {}, {}, {}, {290, 270});
  p.one_by_one = true;
  p.check("back_causal_64");
}

}  // namespace
