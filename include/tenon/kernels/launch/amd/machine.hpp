#pragma once
// Everything of AMD's GPUs, for .hip files: with_arch(amd{0}, f) calls f with a machine that launch functions and models take.

#include <tenon/kernels/launch/amd/launch.hpp>  // HIP's header before any of the standard library that clang wraps
#include <tenon/kernels/launch/amd/words.hpp>
#include <tenon/kernels/launch/gpu.hpp>
#include <tenon/kernels/launch/gpu/attend_backward_views.hpp>
#include <tenon/kernels/launch/gpu/attend_linear_backward.hpp>
#include <tenon/kernels/launch/gpu/attend_views.hpp>
#include <tenon/kernels/launch/gpu/graph.hpp>
