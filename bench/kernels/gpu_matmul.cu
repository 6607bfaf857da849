// Products of bf16 on an NVIDIA GPU: out [token, row] = x [token, depth] w [row, depth]^T, beside cuBLASLt's.
#include <tenon/kernels/launch/nvidia/launch.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>

#include <cublasLt.h>

#include "gpu_limits.hpp"

namespace {

using namespace tenon;
using namespace tenon_bench;

constexpr int rows = 4096, depth = 4096;

struct to_bf16 {
  using out = bf16;
};

struct operands {
  int tokens;
  gpu_array<bf16, cuda_runtime> x, w, out;
  explicit operands(const nvidia& gpu, int t) : tokens(t), x(random_numbers(gpu, index_t{t} * depth)), w(random_numbers(gpu, index_t{rows} * depth)), out(gpu.array<bf16>(index_t{t} * rows)) {}
  double operations() const { return 2.0 * tokens * rows * depth; }
  double bytes() const { return 2.0 * (static_cast<double>(tokens) * depth + static_cast<double>(rows) * depth + static_cast<double>(tokens) * rows); }
};

void ours(benchmark::State& state) {
  with_arch(nvidia{0}, [&](const auto& gpu) {
    using machine = std::decay_t<decltype(gpu)>;
    using words = typename words_of<typename machine::arch>::template matmul<typename machine::leaf>;
    const operands with(gpu, static_cast<int>(state.range(0)));
    matmul_arguments<to_bf16> a{};
    a.x = with.x.data(), a.w = with.w.data(), a.out = with.out.data(), a.tokens = with.tokens, a.rows = rows, a.depth = depth;
    a.x_stride = a.w_stride = depth, a.out_stride = a.residual_stride = rows;
    const auto body = product_on<words>(gpu, a);
    measure(state, gpu, with.operations(), with.bytes(), [&] {
      gpu.launch({(rows + words::block_rows - 1) / words::block_rows, (with.tokens + words::block_tokens - 1) / words::block_tokens, 1}, {words::threads}, words::shared_bytes, body);
    });
  });
}

/// Ends the bench where a call of cuBLASLt fails.
void need(cublasStatus_t status) {
  if (status != CUBLAS_STATUS_SUCCESS) throw error("cuBLASLt failed: ", cublasLtGetStatusName(status), ". Fix: its version must fit the CUDA toolkit.");
}

void theirs(benchmark::State& state) {
  with_arch(nvidia{0}, [&](const auto& gpu) {
    const operands with(gpu, static_cast<int>(state.range(0)));
    const auto room = gpu.template array<std::byte>(index_t{32} << 20);
    cublasLtHandle_t handle;
    cublasLtMatmulDesc_t product;
    cublasLtMatrixLayout_t w, x, out;
    cublasLtMatmulPreference_t preference;
    need(cublasLtCreate(&handle));
    need(cublasLtMatmulDescCreate(&product, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    const cublasOperation_t transposed = CUBLAS_OP_T;
    need(cublasLtMatmulDescSetAttribute(product, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed));
    // Columns first: its out [row, token] is ours [token, row].
    need(cublasLtMatrixLayoutCreate(&w, CUDA_R_16BF, depth, rows, depth));
    need(cublasLtMatrixLayoutCreate(&x, CUDA_R_16BF, depth, static_cast<std::uint64_t>(with.tokens), depth));
    need(cublasLtMatrixLayoutCreate(&out, CUDA_R_16BF, rows, static_cast<std::uint64_t>(with.tokens), rows));
    need(cublasLtMatmulPreferenceCreate(&preference));
    const std::size_t bytes = static_cast<std::size_t>(room.size());
    need(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof bytes));
    cublasLtMatmulHeuristicResult_t best;
    int found = 0;
    need(cublasLtMatmulAlgoGetHeuristic(handle, product, w, x, out, out, preference, 1, &best, &found));
    if (found == 0) throw error("cuBLASLt knows no way to compute this product. Fix: other sizes.");
    const float one = 1, zero = 0;
    measure(state, gpu, with.operations(), with.bytes(), [&] {
      need(cublasLtMatmul(handle, product, &one, with.w.data(), w, with.x.data(), x, &zero, with.out.data(), out, with.out.data(), out, &best.algo, room.data(), bytes, gpu.stream()));
    });
    need(cublasLtMatmulPreferenceDestroy(preference));
    for (auto layout : {w, x, out}) need(cublasLtMatrixLayoutDestroy(layout));
    need(cublasLtMatmulDescDestroy(product));
    need(cublasLtDestroy(handle));
  });
}

BENCHMARK(ours)->Name("matmul/tenon")->Arg(16)->Arg(128)->Arg(2048)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(theirs)->Name("matmul/cublaslt")->Arg(16)->Arg(128)->Arg(2048)->UseManualTime()->Unit(benchmark::kMicrosecond);

}  // namespace

int main(int count, char** words) { return run<tenon::nvidia>(count, words); }
