// Gradients and linear attention on amd{0}: on a real GPU, else skipped.
#include <tenon/kernels/launch/amd/machine.hpp>
#include <tenon/policies/score.hpp>

using device = tenon::amd;

#include "training_cases.hpp"
