// The products of gpu_matmul.hip by hipBLASLt, of ROCm 6 or newer. Compiled against its header with those of HIP 6.3; its library was not at hand,
// so this was never run.
#include <hipblaslt/hipblaslt.h>

#include <tenon/kernels/launch/amd/runtime.hpp>

#include "gpu_matmul_work.hpp"

namespace {

struct library {
  static constexpr const char* name = "hipBLASLt";
  using handle = hipblasLtHandle_t;
  using product = hipblasLtMatmulDesc_t;
  using layout = hipblasLtMatrixLayout_t;
  using preference = hipblasLtMatmulPreference_t;
  using way = hipblasLtMatmulHeuristicResult_t;
  static constexpr auto success = HIPBLAS_STATUS_SUCCESS;
  static constexpr auto number = HIP_R_16BF, sum = HIP_R_32F;
  static constexpr auto compute = HIPBLAS_COMPUTE_32F;
  static constexpr auto transposed = HIPBLAS_OP_T;
  static constexpr auto transposes_first = HIPBLASLT_MATMUL_DESC_TRANSA;
  static constexpr auto most_room = HIPBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
  static constexpr auto create = &hipblasLtCreate;
  static constexpr auto destroy = &hipblasLtDestroy;
  static constexpr auto create_product = &hipblasLtMatmulDescCreate;
  static constexpr auto set_product = &hipblasLtMatmulDescSetAttribute;
  static constexpr auto destroy_product = &hipblasLtMatmulDescDestroy;
  static constexpr auto create_layout = &hipblasLtMatrixLayoutCreate;
  static constexpr auto destroy_layout = &hipblasLtMatrixLayoutDestroy;
  static constexpr auto create_preference = &hipblasLtMatmulPreferenceCreate;
  static constexpr auto set_preference = &hipblasLtMatmulPreferenceSetAttribute;
  static constexpr auto destroy_preference = &hipblasLtMatmulPreferenceDestroy;
  static constexpr auto choose = &hipblasLtMatmulAlgoGetHeuristic;
  static constexpr auto multiply = &hipblasLtMatmul;
};

const bool registered = (tenon_bench::register_matmul("matmul/hipblaslt", tenon_bench::library_products<tenon::amd, library>), true);

}  // namespace
