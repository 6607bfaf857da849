#pragma once
// The numbers that matrix instructions of GPUs multiply, and what they add them in.

#include <cstdint>
#include <type_traits>

#include <tenon/core/number.hpp>

namespace tenon {

/// A float in memory of which products see sign, exponent and the upper 10 bits of the fraction: the others are dropped, not rounded.
struct tf32 {
  float value;
};

/// What products of Number are added in: exactly, or in single precision.
template <class Number>
using sum_of = std::conditional_t<std::is_same_v<Number, std::int8_t>, std::int32_t, float>;

}  // namespace tenon
