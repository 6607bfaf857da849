// Kernels on a real AMD GPU (sh tests/run.sh --device); without one, skipped.
#include <tenon/kernels/launch/amd/launch.hpp>
#include <tenon/kernels/launch/amd/words.hpp>
#include <tenon/kernels/launch/gpu/graph.hpp>

using device = tenon::amd;

#include "parity_cases.hpp"
