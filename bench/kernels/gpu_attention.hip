// Attention in bf16 on an AMD GPU.
#include <tenon/kernels/launch/amd/launch.hpp>
#include <tenon/kernels/launch/amd/words.hpp>

#include "gpu_attention.hpp"

int main(int count, char** words) { return tenon_bench::run_attention<tenon::amd>(count, words); }
