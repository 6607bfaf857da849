#pragma once
// Tensors in memory of a GPU whose number is known at run time, read as floats and written from them: every thread of a launch takes the same branch.

#include <tenon/core/bit_cast.hpp>
#include <tenon/kernels/launch/number_view.hpp>
#include <tenon/kernels/shared/device_bits.hpp>

TENON_KERNELS_BEGIN

/// [batch, token, head, dim] of float, bf16 or f16. Strides count elements; the last axis is dense, and every row begins at a multiple of 16 bytes.
template <class Byte>
struct device_tensor {
  Byte* data;
  float_kind kind;
  index_t batch, token, head;  ///< strides

  TENON_BOTH TENON_INLINE Byte* at(int in_batch, int in_token, int in_head, int column) const {
    return data + (in_batch * batch + in_token * token + in_head * head + column) * (kind == float_kind::f32 ? 4 : 2);
  }
  /// Without the tokens before `in_token`.
  device_tensor from(index_t in_token) const { return {data + in_token * token * (kind == float_kind::f32 ? 4 : 2), kind, batch, token, head}; }
};

namespace kernel_detail {

/// Count neighbours, 2 or 8, from a multiple of Count on.
template <class Leaf, int Count>
TENON_BOTH TENON_INLINE void load_numbers(const std::byte* from, float_kind kind, float (&to)[Count]) {
  using narrow = std::conditional_t<Count == 8, bits128, std::uint32_t>;
  using wide = std::conditional_t<Count == 8, bits128, bits64>;
  constexpr int at_once = sizeof(wide) / 4;
  if (kind == float_kind::f32) {
    TENON_UNROLL for (int i = 0; i < Count; i += at_once) {
      const wide some = Leaf::load(reinterpret_cast<const wide*>(from + 4 * i));
      TENON_UNROLL for (int e = 0; e < at_once; ++e) to[i + e] = bit_cast<float>(some.word[e]);
    }
  } else {
    struct pairs {
      std::uint32_t word[Count / 2];
    };
    const auto all = bit_cast<pairs>(Leaf::load(reinterpret_cast<const narrow*>(from)));
    TENON_UNROLL for (int i = 0; i < Count / 2; ++i) {
      const std::uint32_t pair = all.word[i];
      float two[2] = {Leaf::from_f16(pair & 0xffffu), Leaf::from_f16(pair >> 16)};
      if (kind == float_kind::bf16) unpack_two<bf16>(pair, two);
      to[2 * i] = two[0], to[2 * i + 1] = two[1];
    }
  }
}

/// Count neighbours, 1 or 2.
template <class Leaf, int Count>
TENON_BOTH TENON_INLINE void store_numbers(std::byte* to, float_kind kind, const float (&value)[Count]) {
  using narrow = std::conditional_t<Count == 2, std::uint32_t, std::uint16_t>;
  if (kind == float_kind::f32) {
    if constexpr (Count == 2)
      Leaf::store(reinterpret_cast<bits64*>(to), bits64{{bit_cast<std::uint32_t>(value[0]), bit_cast<std::uint32_t>(value[1])}});
    else
      Leaf::store(reinterpret_cast<float*>(to), value[0]);
  } else {
    const std::uint32_t pair = kind == float_kind::bf16 ? Leaf::template pack<bf16>(value[0], value[Count - 1]) : Leaf::template pack<f16>(value[0], value[Count - 1]);
    Leaf::store(reinterpret_cast<narrow*>(to), static_cast<narrow>(pair));
  }
}

}  // namespace kernel_detail
TENON_KERNELS_END
