#pragma once
// Everything of NVIDIA's GPUs, for .cu files: with_arch(nvidia{0}, f) calls f with a machine that launch functions and models take.

#include <tenon/kernels/launch/gpu.hpp>
#include <tenon/kernels/launch/gpu/attend_backward_views.hpp>
#include <tenon/kernels/launch/gpu/attend_linear_backward.hpp>
#include <tenon/kernels/launch/gpu/attend_views.hpp>
#include <tenon/kernels/launch/gpu/graph.hpp>
#include <tenon/kernels/launch/nvidia/launch.hpp>
#include <tenon/kernels/launch/nvidia/sm75.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>
