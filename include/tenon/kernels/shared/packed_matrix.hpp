#pragma once
// A matrix in panels (panel.hpp), and the two run-time facts about it that become types here and nowhere else: the format of its
// panels and the form in which x meets them.

#include <cstddef>

#include <tenon/core/storage.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/shared/activation.hpp>
#include <tenon/kernels/shared/panel.hpp>
#include <tenon/policies/precision.hpp>

TENON_KERNELS_BEGIN

/// How a packed matrix lies in memory: as its storage does, or, on GPUs that multiply numbers of 8 bits, as rows of these (device_panel.hpp).
enum class packed_as : unsigned char { stored, rows_of_8_bits };

/// A matrix [rows, depth] packed for products with x^T, as `pack` leaves it. Not owning; `data` is aligned to 64 bytes.
/// The panels of f32 and f16 depend on `how`; those of every other storage do not, so that one packed matrix can be multiplied under
/// any compute: change `how` in a copy.
struct packed_matrix {
  storage kind = storage::f32;
  compute how = compute::fp32;
  index_t rows = 0, depth = 0;
  const std::byte* data = nullptr;
  packed_as as = packed_as::stored;
};

/// Which activations a product takes.
enum class form { plain, rounded, int8, int8x2, e4m3 };
/// A set of forms, by bit: products are only compiled for those that can come.
using form_set = unsigned;
inline constexpr form_set every_form = 31;
TENON_INLINE constexpr form_set set_of(form which) { return 1u << static_cast<unsigned>(which); }

/// Integer products are for integer storage; asked of floats they are done in fp32, as products of e4m3 are that are asked of integers.
TENON_INLINE constexpr form form_of(storage kind, compute how) {
  const bool real = kind == storage::f32 || kind == storage::f16 || kind == storage::bf16 || kind == storage::e4m3;
  if (how == compute::bf16) return form::rounded;
  if (how == compute::e4m3) return real ? form::e4m3 : form::plain;
  if (real || how == compute::fp32) return form::plain;
  return how == compute::int8 ? form::int8 : form::int8x2;
}

/// The forms that products under a precision policy take, whatever a file's tensors are stored as. Two products that meet under a gate
/// and differ in form are done in fp32, so it is always among them.
template <precision_like Precision>
consteval form_set forms_of(const Precision& precision) {
  form_set all = set_of(form::plain);
  for (const storage kind : every_storage) all |= set_of(form_of(kind, precision.products(kind)));
  return all;
}

/// Calls f(form) with the type of the form, which is one of `Forms`, on a processor: there is none for e4m3.
template <form_set Forms = every_form, class F>
TENON_INLINE void with_form(form which, F&& f) {
  const auto call = [&](auto type, form its) TENON_LAMBDA {
    if (which == its) f(type);
  };
  if constexpr ((Forms & set_of(form::plain)) != 0) call(activation::plain{}, form::plain);
  if constexpr ((Forms & set_of(form::rounded)) != 0) call(activation::rounded{}, form::rounded);
  if constexpr ((Forms & set_of(form::int8)) != 0) call(activation::quantised<1>{}, form::int8);
  if constexpr ((Forms & set_of(form::int8x2)) != 0) call(activation::quantised<2>{}, form::int8x2);
}

/// Calls f(format) with the type of the panels that `kind` packed for `how` has.
template <class F>
TENON_INLINE decltype(auto) with_integer_panel(storage kind, F&& f) {
  switch (kind) {
    case storage::i8: return f(panel::i8{});
    case storage::q4_0: return f(panel::q4_0{});
    case storage::q4_1: return f(panel::q4_1{});
    case storage::q4_k: return f(panel::q4_k{});
    case storage::q6_k: return f(panel::q6_k{});
    default: return f(panel::q8_0{});
  }
}
template <class F>
TENON_INLINE decltype(auto) with_panel(storage kind, compute how, F&& f) {
  if (how == compute::bf16 && (kind == storage::f32 || kind == storage::f16)) return f(panel::bf16{});
  switch (kind) {
    case storage::f32: return f(panel::f32{});
    case storage::f16: return f(panel::f16{});
    case storage::bf16: return f(panel::bf16{});
    case storage::e4m3: return f(panel::e4m3{});
    default: return with_integer_panel(kind, f);
  }
}

/// The bytes of one panel of `depth` values.
TENON_INLINE std::size_t panel_bytes(storage kind, compute how, index_t depth) {
  return with_panel(kind, how, [&](auto format) TENON_LAMBDA {
    using Format = decltype(format);
    return static_cast<std::size_t>((depth + Format::depth - 1) / Format::depth) * static_cast<std::size_t>(Format::bytes);
  });
}

TENON_KERNELS_END
