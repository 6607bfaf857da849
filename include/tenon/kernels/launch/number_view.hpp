#pragma once
// A view whose number is known at run time: what attention reads and writes at its edges, where a conversion costs nothing and
// another instantiation would.

#include <concepts>
#include <type_traits>

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN

/// The numbers that activations come in.
enum class float_kind : unsigned char { f32, bf16, f16 };

template <class T>
concept activation_number = std::same_as<T, float> || std::same_as<T, bf16> || std::same_as<T, f16>;

template <class T>
inline constexpr float_kind kind_of = std::is_same_v<T, bf16> ? float_kind::bf16 : std::is_same_v<T, f16> ? float_kind::f16 : float_kind::f32;

/// A view of float, bf16 or f16 (`Byte` is const std::byte to read, std::byte to write). Any such view converts to it.
template <class Byte, int Rank>
struct number_view {
  Byte* data = nullptr;
  float_kind kind = float_kind::f32;
  index_t extent[Rank] = {};
  index_t stride[Rank] = {};

  number_view() = default;
  template <class T>
    requires(activation_number<std::remove_const_t<T>> && (std::is_const_v<Byte> || !std::is_const_v<T>))
  number_view(const view<T, Rank>& of) : data(reinterpret_cast<Byte*>(of.data)), kind(kind_of<std::remove_const_t<T>>) {
    for (int axis = 0; axis < Rank; ++axis) extent[axis] = of.extent[axis], stride[axis] = of.stride[axis];
  }

  index_t bytes() const { return kind == float_kind::f32 ? 4 : 2; }
  /// Where the last axis begins.
  template <std::convertible_to<index_t>... Indices>
    requires(sizeof...(Indices) == Rank - 1)
  Byte* row(Indices... indices) const {
    const index_t at[] = {static_cast<index_t>(indices)...};
    index_t offset = 0;
    for (int axis = 0; axis < Rank - 1; ++axis) offset += at[axis] * stride[axis];
    return data + offset * bytes();
  }
  /// The view without its slowest axis, at position `i` of it.
  number_view<Byte, Rank - 1> operator[](index_t i) const
    requires(Rank > 1)
  {
    number_view<Byte, Rank - 1> out;
    out.data = data + i * stride[0] * bytes(), out.kind = kind;
    for (int axis = 1; axis < Rank; ++axis) out.extent[axis - 1] = extent[axis], out.stride[axis - 1] = stride[axis];
    return out;
  }
  /// Positions [first, first + count) of the slowest axis.
  number_view rows(index_t first, index_t count) const {
    number_view out = *this;
    out.data += first * stride[0] * bytes();
    out.extent[0] = count;
    return out;
  }
};

template <int Rank>
using readable = number_view<const std::byte, Rank>;
template <int Rank>
using writable = number_view<std::byte, Rank>;

namespace kernel_detail {

/// to[i] = from[i], `count` of each; sixteen at a time, a constant count, which compilers turn into vectors.
template <class From, class To>
void convert(const From* from, To* to, int count) {
  constexpr int step = 16;
  for (; count >= step; count -= step, from += step, to += step) {
    TENON_INDEPENDENT
    for (int i = 0; i < step; ++i) to[i] = static_cast<To>(from[i]);
  }
  for (int i = 0; i < count; ++i) to[i] = static_cast<To>(from[i]);
}

/// `count` numbers as floats: where they lie, or converted to `room`.
inline const float* as_floats(const std::byte* from, float_kind kind, float* room, int count) {
  if (kind == float_kind::f32) return reinterpret_cast<const float*>(from);
  if (kind == float_kind::bf16)
    convert(reinterpret_cast<const bf16*>(from), room, count);
  else
    convert(reinterpret_cast<const f16*>(from), room, count);
  return room;
}
/// The other way.
inline void from_floats(const float* from, float_kind kind, std::byte* to, int count) {
  if (kind == float_kind::bf16)
    convert(from, reinterpret_cast<bf16*>(to), count);
  else
    convert(from, reinterpret_cast<f16*>(to), count);
}

}  // namespace kernel_detail
TENON_KERNELS_END
