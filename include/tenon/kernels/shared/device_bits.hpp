#pragma once
// What a thread of a GPU moves at once: 16, 32, 64 or 128 bits. Words of GPUs hold packed numbers in these.

#include <cstdint>

#include <tenon/core/config.hpp>

namespace tenon {

/// Two registers: four numbers of 16 bits, the first in the low half of word[0].
struct alignas(8) bits64 {
  std::uint32_t word[2];
};

/// Four registers: the widest access of a GPU.
struct alignas(16) bits128 {
  std::uint32_t word[4];
};

}  // namespace tenon
