#pragma once
// A non-owning array of any rank: a pointer, extents and strides, slowest axis first.

#include <concepts>
#include <cstddef>
#include <type_traits>

#include <tenon/core/config.hpp>

namespace tenon {

/// Counts and positions. Signed, so that differences of positions need no care.
using index_t = std::ptrdiff_t;

/// `Rank` axes of `T`, slowest first; strides count elements. Shapes are written once, at the declaration: [token, head, dim].
template <class T, int Rank>
struct view {
  T* data = nullptr;
  index_t extent[Rank] = {};
  index_t stride[Rank] = {};

  view() = default;
  /// Dense, row-major.
  template <std::convertible_to<index_t>... Extents>
    requires(sizeof...(Extents) == Rank)
  TENON_BOTH constexpr view(T* pointer, Extents... extents) : data(pointer), extent{static_cast<index_t>(extents)...} {
    index_t step = 1;
    for (int axis = Rank - 1; axis >= 0; --axis) {
      stride[axis] = step;
      step *= extent[axis];
    }
  }
  /// Read-only from writable.
  template <class U>
    requires(std::is_const_v<T> && std::same_as<U, std::remove_const_t<T>>)
  TENON_BOTH constexpr view(const view<U, Rank>& other) : data(other.data) {
    for (int axis = 0; axis < Rank; ++axis) {
      extent[axis] = other.extent[axis];
      stride[axis] = other.stride[axis];
    }
  }

  template <std::convertible_to<index_t>... Indices>
    requires(sizeof...(Indices) == Rank)
  TENON_BOTH constexpr T& operator()(Indices... indices) const {
    const index_t at[] = {static_cast<index_t>(indices)...};
    index_t offset = 0;
    for (int axis = 0; axis < Rank; ++axis) offset += at[axis] * stride[axis];
    return data[offset];
  }

  /// The view without its slowest axis, at position `i` of it.
  TENON_BOTH constexpr view<T, Rank - 1> operator[](index_t i) const
    requires(Rank > 1)
  {
    view<T, Rank - 1> out;
    out.data = data + i * stride[0];
    for (int axis = 1; axis < Rank; ++axis) {
      out.extent[axis - 1] = extent[axis];
      out.stride[axis - 1] = stride[axis];
    }
    return out;
  }
  /// Positions [first, first + count) of the slowest axis.
  TENON_BOTH constexpr view rows(index_t first, index_t count) const {
    view out = *this;
    out.data += first * stride[0];
    out.extent[0] = count;
    return out;
  }
  TENON_BOTH constexpr index_t size() const {
    index_t count = 1;
    for (int axis = 0; axis < Rank; ++axis) count *= extent[axis];
    return count;
  }
};

template <class T, class... Extents>
view(T*, Extents...) -> view<T, static_cast<int>(sizeof...(Extents))>;

}  // namespace tenon
