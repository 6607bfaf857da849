// One variant of attention, for the GPU of AMD's that -DARCH names.
#define LEAF_OF(arch) <tenon/kernels/atoms/arch/leaf.hpp>
#include LEAF_OF(ARCH)
#include <tenon/kernels/launch/amd/attention.hpp>

#include "attention_variant.hpp"

using leaf = tenon::atoms::ARCH::leaf;
using words = tenon::amd_attention<leaf, variant>;
extern "C" __attribute__((global, amdgpu_flat_work_group_size(256, 256), amdgpu_waves_per_eu(2))) void kernel(tenon::attention_arguments<variant> a) { tenon::attention_kernel<leaf, words>(a); }
