// The products of gpu_matmul.cu by cuBLASLt.
#include <cublasLt.h>

#include <tenon/kernels/launch/nvidia/runtime.hpp>

#include "gpu_matmul_work.hpp"

namespace {

struct library {
  static constexpr const char* name = "cuBLASLt";
  using handle = tenon_bench::owned<&cublasLtCreate, &cublasLtDestroy>;
  using product = tenon_bench::owned<&cublasLtMatmulDescCreate, &cublasLtMatmulDescDestroy>;
  using layout = tenon_bench::owned<&cublasLtMatrixLayoutCreate, &cublasLtMatrixLayoutDestroy>;
  using preference = tenon_bench::owned<&cublasLtMatmulPreferenceCreate, &cublasLtMatmulPreferenceDestroy>;
  using way = cublasLtMatmulHeuristicResult_t;
  static constexpr auto success = CUBLAS_STATUS_SUCCESS;
  static constexpr auto number = CUDA_R_16BF, sum = CUDA_R_32F;
  static constexpr auto compute = CUBLAS_COMPUTE_32F;
  static constexpr auto transposed = CUBLAS_OP_T;
  static constexpr auto transposes_first = CUBLASLT_MATMUL_DESC_TRANSA;
  static constexpr auto most_room = CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
  static constexpr auto set_product = &cublasLtMatmulDescSetAttribute;
  static constexpr auto set_preference = &cublasLtMatmulPreferenceSetAttribute;
  static constexpr auto choose = &cublasLtMatmulAlgoGetHeuristic;
  static constexpr auto multiply = &cublasLtMatmul;
};

const bool registered = (tenon_bench::register_matmul("matmul/cublaslt", tenon_bench::library_products<tenon::nvidia, library>), true);

}  // namespace
