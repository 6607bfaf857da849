// Attention and products of f16 for sm_75, as the PTX that nvcc makes of them, executed and compared with double precision.
#include <tenon/kernels/launch/nvidia/sm75.hpp>

#include "ptx_numbers.hpp"

namespace {

using namespace tenon_test;

TEST_CASE("products") { check_product<tenon::sm75_matmul<absent_leaf>, of_f16>("matmul_of_f16", of_float); }

TEST_CASE("attention of f16") {
  for (const sizes s : {sizes{1, 128, 128, 1, 1}, sizes{2, 70, 150, 2, 1}, sizes{1, 3, 200, 1, 1}, sizes{1, 1, 1, 1, 1}})
    check_attention<tenon::sm75_attention<absent_leaf, half_64>, half_64>("attention_half_64", s);
  check_attention<tenon::sm75_attention<absent_leaf, half_128>, half_128>("attention_half_128", {1, 100, 170, 2, 1});
}

}  // namespace
