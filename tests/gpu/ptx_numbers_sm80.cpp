// Attention of f16 and products of f16, tf32 and int8 for sm_80, as the PTX that nvcc makes of them, executed and compared with double precision.
#include <tenon/kernels/launch/nvidia/attention.hpp>
#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "ptx_numbers.hpp"

namespace {

using namespace tenon_test;

template <class P>
using words = tenon::nvidia_matmul<absent_leaf, tenon::problem_number<P>>;

TEST_CASE("products") {
  check_product<words<of_f16>, of_f16>("matmul_of_f16", of_float);
  check_product<words<of_tf32>, of_tf32>("matmul_of_tf32", of_float);
  check_product<words<of_int8>, of_int8>("matmul_of_int8", of_bf16);
}

TEST_CASE("attention of f16") {
  for (const sizes s : {sizes{1, 128, 128, 1, 1}, sizes{2, 70, 150, 2, 1}, sizes{1, 3, 200, 1, 1}, sizes{1, 1, 1, 1, 1}})
    check_attention<tenon::nvidia_attention<absent_leaf, half_64>, half_64>("attention_half_64", s);
  check_attention<tenon::nvidia_attention<absent_leaf, half_128>, half_128>("attention_half_128", {1, 100, 170, 2, 1});
}

}  // namespace
