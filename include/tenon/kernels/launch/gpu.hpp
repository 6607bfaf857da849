#pragma once
// Everything that a model calls on a GPU: the launch functions of kernels/launch over a device_machine. Include it beside the machine.

#include <tenon/kernels/launch/gpu/append.hpp>
#include <tenon/kernels/launch/gpu/attend.hpp>
#include <tenon/kernels/launch/gpu/attend_across.hpp>
#include <tenon/kernels/launch/gpu/attend_heads.hpp>
#include <tenon/kernels/launch/gpu/attend_linear.hpp>
#include <tenon/kernels/launch/gpu/dot_heads.hpp>
#include <tenon/kernels/launch/gpu/embed.hpp>
#include <tenon/kernels/launch/gpu/gate.hpp>
#include <tenon/kernels/launch/gpu/kept_keys.hpp>
#include <tenon/kernels/launch/gpu/norm.hpp>
#include <tenon/kernels/launch/gpu/products.hpp>
#include <tenon/kernels/launch/gpu/quantise.hpp>
#include <tenon/kernels/launch/gpu/rotary.hpp>
#include <tenon/kernels/launch/gpu/row_softmax.hpp>
#include <tenon/kernels/launch/gpu/running_mean.hpp>
#include <tenon/kernels/launch/gpu/sample.hpp>
#include <tenon/kernels/launch/gpu/step.hpp>
