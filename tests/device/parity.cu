// Kernels on a real NVIDIA GPU (sh tests/run.sh --device); without one, skipped. Linked with fake_cuda.cpp instead of CUDA's runtime, the same
// object runs as PTX on the processor.
#include <tenon/kernels/launch/gpu/graph.hpp>
#include <tenon/kernels/launch/nvidia/attention.hpp>
#include <tenon/kernels/launch/nvidia/launch.hpp>
#include <tenon/kernels/launch/nvidia/matmul.hpp>

namespace {
using device = tenon::nvidia;
template <class Leaf, class Problem>
using words = tenon::nvidia_attention<Leaf, Problem>;
template <class Leaf, class Problem>
using split_words = tenon::nvidia_attention_split<Leaf, Problem>;
template <class Leaf>
using product_words = tenon::nvidia_matmul<Leaf>;
}  // namespace

#include "parity_cases.hpp"
