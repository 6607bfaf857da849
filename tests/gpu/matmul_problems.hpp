#pragma once
// The products that the tests of GPU kernels compile and run.

#include <cstdint>

#include <tenon/core/number.hpp>
#include <tenon/kernels/shared/matrix_number.hpp>

namespace tenon_test {

struct to_bf16 {
  using out = tenon::bf16;
};
struct to_float {
  using out = float;
};
struct of_f16 : to_float {
  using number = tenon::f16;
};
struct of_tf32 : to_float {
  using number = tenon::tf32;
};
struct of_int8 : to_bf16 {
  using number = std::int8_t;
};
struct of_e4m3 : to_bf16 {
  using number = tenon::e4m3;
};

}  // namespace tenon_test
