// Products of bf16 on an NVIDIA GPU, beside cuBLASLt's where it is installed (beside_cublaslt.cpp).
#include <tenon/kernels/launch/nvidia/launch.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>

#include "gpu_matmul.hpp"

int main(int count, char** words) { return tenon_bench::run_matmul<tenon::nvidia>(count, words); }
