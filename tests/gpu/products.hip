// Products of numbers of 8 bits for AMD GPUs, as launch functions start them.

#include <tenon/kernels/launch/amd/matmul.hpp>

#include "amd_leaf.hpp"
#include "products_problems.hpp"

namespace {

struct words {
  template <class Leaf, class Number, int Matrices>
  using matmul = tenon::amd_matmul<Leaf, Number, Matrices>;
};
using kernels = tenon_test::product_kernels<words, tenon_test::leaf>;

}  // namespace

#define TENON_TEST_KERNEL(name, body)                                                                                                    \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(body::threads, body::threads), amdgpu_waves_per_eu(1))) void name(body thread) { \
    thread();                                                                                                                            \
  }

TENON_TEST_KERNELS_OF_8_BITS(TENON_TEST_KERNEL)
