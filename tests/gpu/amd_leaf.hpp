#pragma once
// The leaf of the machine that a .hip file is compiled for, which -DTENON_TEST_ARCH names.

#define TENON_TEST_LEAF_OF(arch) <tenon/kernels/atoms/arch/leaf.hpp>
#include TENON_TEST_LEAF_OF(TENON_TEST_ARCH)

namespace tenon_test {
using leaf = tenon::atoms::TENON_TEST_ARCH::leaf;
}
