#pragma once
// What models do row by row, as the kernels that the tests compile for GPUs and run as PTX.

#include <tenon/kernels/launch/gpu/cache.hpp>
#include <tenon/kernels/launch/gpu/gate.hpp>
#include <tenon/kernels/launch/gpu/kept_keys.hpp>
#include <tenon/kernels/launch/gpu/norm.hpp>
#include <tenon/kernels/launch/gpu/rotary.hpp>
#include <tenon/kernels/launch/gpu/sample.hpp>

namespace tenon_test {

template <class Leaf>
struct row_kernels {
  using norm = tenon::rms_norm_body<Leaf>;
  using rotation = tenon::rotate_body<Leaf>;
  using swish = tenon::open_gate_body<Leaf, tenon::swiglu>;
  using exact_gelu = tenon::open_gate_body<Leaf, tenon::gelu>;
  using append = tenon::append_body<Leaf>;
  using keep_keys = tenon::keep_keys_body<Leaf>;
  using sample = tenon::sample_body<Leaf>;
};

}  // namespace tenon_test

// Calls kernel(name, type) for each, where `kernels` are those of a machine.
#define TENON_TEST_KERNELS(kernel)            \
  kernel(norm_of, kernels::norm)              \
  kernel(rotation, kernels::rotation)         \
  kernel(swish, kernels::swish)               \
  kernel(exact_gelu, kernels::exact_gelu)     \
  kernel(append, kernels::append)             \
  kernel(keep_keys, kernels::keep_keys)       \
  kernel(sample_of, kernels::sample)
