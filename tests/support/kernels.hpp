#pragma once
// The products of the machines that most tests run on, compiled once (kernels_*.cpp) and not again in every test program: ten
// seconds of compile time for each. Included ahead of the tests of model, runtime and text by the build.

#include <tenon/kernels/launch/matmul.hpp>
#include <tenon/policies/gate.hpp>

// `how` is empty for the definition and `extern` for the promise that another object has it.
#define TEST_PRODUCTS(how, Machine, precision) \
  how template void tenon::matmul<tenon::forms_of(precision)>(const Machine&, tenon::view<const float, 2>, const tenon::product(&)[1], std::byte*); \
  how template void tenon::matmul<tenon::forms_of(precision)>(const Machine&, tenon::view<const float, 2>, const tenon::product(&)[3], std::byte*); \
  how template void tenon::gated_matmul<tenon::forms_of(precision)>(const Machine&, tenon::view<const float, 2>, const tenon::packed_matrix&, \
                                                                    const tenon::packed_matrix&, const tenon::swiglu&, tenon::view<float, 2>, std::byte*)
#define TEST_KERNELS(how, Machine) \
  how template tenon::packed_matrix tenon::pack(const Machine&, const tenon::stored_matrix&, tenon::compute, std::byte*, const tenon::read_until_here&); \
  TEST_PRODUCTS(how, Machine, tenon::full_precision); \
  TEST_PRODUCTS(how, Machine, tenon::as_stored)

#ifndef TEST_KERNELS_HERE
TEST_KERNELS(extern, tenon::cpu);
TEST_KERNELS(extern, tenon::cpu_scalar);
#endif
