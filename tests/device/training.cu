// Gradients and linear attention on nvidia{0}: on a real GPU, else skipped; linked with fake_cuda.cpp instead of CUDA's runtime, executed as PTX on the
// processor.
#include <tenon/kernels/launch/nvidia/machine.hpp>
#include <tenon/policies/score.hpp>

using device = tenon::nvidia;

#include "training_cases.hpp"
