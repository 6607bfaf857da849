// Products of e4m3 for sm_89, as the PTX that nvcc makes of them, executed and compared with double precision.
#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "ptx_numbers.hpp"

namespace {

using namespace tenon_test;

TEST_CASE("products") { check_product<tenon::nvidia_matmul<absent_leaf, tenon::e4m3>, of_e4m3>("matmul_of_e4m3", of_bf16); }

}  // namespace
