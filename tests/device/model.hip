// A model on amd{0}: on a real GPU, else skipped.
#include <tenon/kernels/launch/amd/machine.hpp>

using device = tenon::amd;

#include "model_cases.hpp"
