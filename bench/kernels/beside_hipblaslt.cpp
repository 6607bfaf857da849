// The products of gpu_matmul.hip by hipBLASLt, of ROCm 6 or newer. Compiled against its header with those of HIP 6.3; its library was not at hand,
// so this was never run.
#include <hipblaslt/hipblaslt.h>

#include <tenon/kernels/launch/amd/runtime.hpp>

#include "gpu_matmul_work.hpp"

namespace {

struct library {
  static constexpr const char* name = "hipBLASLt";
  using handle = tenon_bench::owned<&hipblasLtCreate, &hipblasLtDestroy>;
  using product = tenon_bench::owned<&hipblasLtMatmulDescCreate, &hipblasLtMatmulDescDestroy>;
  using layout = tenon_bench::owned<&hipblasLtMatrixLayoutCreate, &hipblasLtMatrixLayoutDestroy>;
  using preference = tenon_bench::owned<&hipblasLtMatmulPreferenceCreate, &hipblasLtMatmulPreferenceDestroy>;
  using way = hipblasLtMatmulHeuristicResult_t;
  static constexpr auto success = HIPBLAS_STATUS_SUCCESS;
  static constexpr auto number = HIP_R_16BF, sum = HIP_R_32F;
  static constexpr auto compute = HIPBLAS_COMPUTE_32F;
  static constexpr auto transposed = HIPBLAS_OP_T;
  static constexpr auto transposes_first = HIPBLASLT_MATMUL_DESC_TRANSA;
  static constexpr auto most_room = HIPBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
  static constexpr auto set_product = &hipblasLtMatmulDescSetAttribute;
  static constexpr auto set_preference = &hipblasLtMatmulPreferenceSetAttribute;
  static constexpr auto choose = &hipblasLtMatmulAlgoGetHeuristic;
  static constexpr auto multiply = &hipblasLtMatmul;
};

const bool registered = (tenon_bench::register_matmul("matmul/hipblaslt", tenon_bench::library_products<tenon::amd, library>), true);

}  // namespace
