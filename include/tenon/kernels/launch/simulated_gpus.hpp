#pragma once
// Models on simulated GPUs: load<decoder<spec>>(file, simulated<sm80>{}) and all after it are the lines of a processor.

#include <tenon/kernels/launch/amd/words.hpp>
#include <tenon/kernels/launch/gpu.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>
#include <tenon/kernels/launch/simulated.hpp>
