// Kernels on a real AMD GPU (sh tests/run.sh --device); without one, skipped.
#include <tenon/kernels/launch/amd/attention.hpp>
#include <tenon/kernels/launch/amd/launch.hpp>
#include <tenon/kernels/launch/amd/matmul.hpp>
#include <tenon/kernels/launch/gpu/graph.hpp>

namespace {
using device = tenon::amd;
template <class Leaf, class Problem>
using words = tenon::amd_attention<Leaf, Problem>;
template <class Leaf, class Problem>
using split_words = tenon::amd_attention<Leaf, Problem>;
template <class Leaf>
using product_words = tenon::amd_matmul<Leaf>;
}  // namespace

#include "parity_cases.hpp"
