// Products of bf16 on an AMD GPU, beside hipBLASLt's where it is installed (beside_hipblaslt.cpp).
#include <tenon/kernels/launch/amd/launch.hpp>
#include <tenon/kernels/launch/amd/words.hpp>

#include "gpu_matmul.hpp"

int main(int count, char** words) { return tenon_bench::run_matmul<tenon::amd>(count, words); }
