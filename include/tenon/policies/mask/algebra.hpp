#pragma once
// What a mask is, and how masks combine. A mask says which keys a query may see; the tiles that a kernel can skip or take
// whole are derived from it, never written by hand.

#include <concepts>
#include <type_traits>

#include <tenon/policies/tile.hpp>

namespace tenon {

/// A mask is a trivially copyable object with `bool keep(position) const`. It may also have `cover covers(tile) const`:
/// `all` promises keep everywhere in the tile, `none` promises keep nowhere; without it every tile is `some`.
template <class Mask>
concept mask = std::is_trivially_copyable_v<Mask> && requires(const Mask& m, position p) {
  { m.keep(p) } -> std::same_as<bool>;
};

/// What `m` says about a tile: its own answer where it has one.
template <mask Mask>
TENON_BOTH TENON_INLINE constexpr cover covers(const Mask& m, tile t) {
  if constexpr (requires { { m.covers(t) } -> std::same_as<cover>; })
    return m.covers(t);
  else
    return cover::some;
}

// Both sides are always asked: a branch would keep compilers from taking 16 keys at a time.

/// Keeps what both keep.
template <mask A, mask B>
struct both {
  A first;
  B second;
  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const { return static_cast<int>(first.keep(p)) & static_cast<int>(second.keep(p)); }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const { return tenon::covers(first, t) & tenon::covers(second, t); }
};

/// Keeps what either keeps.
template <mask A, mask B>
struct either {
  A first;
  B second;
  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const { return static_cast<int>(first.keep(p)) | static_cast<int>(second.keep(p)); }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const { return tenon::covers(first, t) | tenon::covers(second, t); }
};

/// Keeps what `inner` does not.
template <mask A>
struct except {
  A inner;
  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const { return !inner.keep(p); }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const { return !tenon::covers(inner, t); }
};

// The operators are found where one side is tenon's; for two masks of another namespace use all_of and any_of, or
// `using tenon::operator&`.
template <mask A, mask B>
TENON_BOTH TENON_INLINE constexpr both<A, B> operator&(A a, B b) {
  return {a, b};
}
template <mask A, mask B>
TENON_BOTH TENON_INLINE constexpr either<A, B> operator|(A a, B b) {
  return {a, b};
}
template <mask A>
TENON_BOTH TENON_INLINE constexpr except<A> operator!(A a) {
  return {a};
}

/// The conjunction of one or more masks, whatever their namespaces.
template <mask A>
TENON_BOTH TENON_INLINE constexpr A all_of(A a) {
  return a;
}
template <mask A, mask B, mask... Rest>
TENON_BOTH TENON_INLINE constexpr auto all_of(A a, B b, Rest... rest) {
  return all_of(both<A, B>{a, b}, rest...);
}

/// The disjunction of one or more masks, whatever their namespaces.
template <mask A>
TENON_BOTH TENON_INLINE constexpr A any_of(A a) {
  return a;
}
template <mask A, mask B, mask... Rest>
TENON_BOTH TENON_INLINE constexpr auto any_of(A a, B b, Rest... rest) {
  return any_of(either<A, B>{a, b}, rest...);
}

/// Keeps everything but what `a` keeps.
template <mask A>
TENON_BOTH TENON_INLINE constexpr except<A> none_of(A a) {
  return {a};
}

}  // namespace tenon
