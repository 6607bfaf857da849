#pragma once
// What a thread of a GPU moves at once: 16, 32, 64 or 128 bits. Words of GPUs hold packed numbers in these.

#include <cstdint>

#include <tenon/core/bit_cast.hpp>
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

/// Two packed numbers, the low half first.
template <class Number>
TENON_BOTH TENON_INLINE void unpack_two(std::uint32_t pair, float (&to)[2]) {
  to[0] = static_cast<float>(bit_cast<Number>(static_cast<std::uint16_t>(pair))), to[1] = static_cast<float>(bit_cast<Number>(static_cast<std::uint16_t>(pair >> 16)));
}

/// Byte i of a word plus 32768: the middle of its fraction.
template <class Leaf>
TENON_BOTH TENON_INLINE float byte_above_32768(std::uint32_t word, int i) {
  return bit_cast<float>(Leaf::permute_bytes(word, 0x47000000u, 0x7604u + static_cast<std::uint32_t>(i) * 0x10u));
}

}  // namespace tenon
