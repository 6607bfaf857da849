// Attention in bf16 on an NVIDIA GPU, beside cuDNN's where it is installed (beside_cudnn.cpp).
#include <tenon/kernels/launch/nvidia/launch.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>

#include "gpu_attention.hpp"

int main(int count, char** words) { return tenon_bench::run_attention<tenon::nvidia>(count, words); }
