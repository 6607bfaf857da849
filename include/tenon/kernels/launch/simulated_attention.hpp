#pragma once
// attend on a simulated GPU: the call of every machine. The kernel is the one that runs on the device; what it did wrong is in machine.report().

#include <tenon/kernels/launch/amd/words.hpp>
#include <tenon/kernels/launch/gpu/attend_backward_views.hpp>
#include <tenon/kernels/launch/gpu/attend_linear_backward.hpp>
#include <tenon/kernels/launch/gpu/attend_views.hpp>
#include <tenon/kernels/launch/nvidia/sm75.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>
#include <tenon/kernels/launch/simulated.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>
#include <tenon/policies/weighting.hpp>
