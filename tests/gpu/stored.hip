// The kernels of products for AMD GPUs with weights as they are stored, that the tests compile. The simulated machine executes the same words.

#include <tenon/kernels/launch/amd/matmul.hpp>

#include "amd_leaf.hpp"
#include "stored_problems.hpp"

namespace {

using tenon_test::leaf;
using kernels = tenon_test::stored_kernels<leaf, tenon::amd_panel_matmul>;
using gated_rows = tenon::matmul_body<leaf, tenon::amd_matmul<leaf, tenon::bf16, 2>, tenon::gated_product<tenon::bf16, float, tenon::silu>>;

}  // namespace

#define TENON_TEST_KERNEL(name, body)                                                                                                    \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(body::threads, body::threads), amdgpu_waves_per_eu(1))) void name(body thread) { \
    thread();                                                                                                                            \
  }

TENON_TEST_KERNEL(gated_bf16, gated_rows)
TENON_TEST_KERNELS(TENON_TEST_KERNEL)
