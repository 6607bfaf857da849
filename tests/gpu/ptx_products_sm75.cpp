// Products of f16 for sm_75 through their launch functions, as the PTX that nvcc makes of their kernels, executed and compared with double precision.
#include <tenon/kernels/launch/nvidia/sm75.hpp>

#include "../simulated/products_numbers.hpp"
#include "products_problems.hpp"
#include "ptx_machine.hpp"

namespace {

using namespace tenon_test;
using kernels = product_kernels<tenon::words_of<tenon::sm75>, ptx_leaf>;

}  // namespace

TENON_TEST_KERNELS_SM75(TENON_TEST_NAME)

namespace {

using machine = ptx_machine_of<tenon::sm75>;
ptx::Module& module() {
  static ptx::Module loaded = ptx::load(TENON_TEST_PTX);
  return loaded;
}

TEST_CASE("weights of any storage, few tokens and many") {
  for (const ptx::Options& way : ptx_ways()) tenon::testing::check_products_of_f16(machine(module(), way));
}

}  // namespace
