#pragma once
// The products that the tests of GPU kernels compile and run.

#include <tenon/core/number.hpp>

namespace tenon_test {

struct to_bf16 {
  using out = tenon::bf16;
};
struct to_float {
  using out = float;
};

}  // namespace tenon_test
