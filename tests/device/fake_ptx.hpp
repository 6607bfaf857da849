#pragma once
// How the fake CUDA runtime executes kernels.

namespace tenon_test::fake {

struct ptx_options {
  bool eager = false;   ///< whether asynchronous copies land at once, or as late as they may
  bool random = false;  ///< the order of warps
};
ptx_options& how();

}  // namespace tenon_test::fake
