#pragma once
// The words of a product of x [token, depth] with panels of weights, written once over the leaf of any machine.
// Order of summation, the same everywhere: along the depth, in order, in one accumulator per output. So a row has the same bits alone
// and in any batch.

#include <cstddef>
#include <type_traits>

#include <tenon/core/config.hpp>
#include <tenon/kernels/shared/activation.hpp>
#include <tenon/kernels/shared/byte_words.hpp>
#include <tenon/kernels/shared/float_words.hpp>
#include <tenon/kernels/shared/product_group.hpp>
#include <tenon/kernels/shared/rounded_words.hpp>

TENON_KERNELS_BEGIN

template <class Leaf, product_shape Shape>
struct product_words {
  using leaf = Leaf;
  using as_floats = float_words<Leaf, Shape>;
  using as_rounded = rounded_words<Leaf, Shape>;
  template <int Bytes>
  using as_bytes = byte_words<Leaf, Shape, Bytes>;
  static constexpr int tile = token_tile;  ///< tokens per tile of arranged x, where there is more than one
  /// Of arranged tokens that are multiplied with all weights before the next ones. Matrix registers want them in the second-level
  /// cache; vectors are slow enough for the third, and then read the weights less often.
  static constexpr std::size_t block_bytes = std::size_t{5} << (Leaf::tiles::present ? 18 : 19);
  /// Panels that the words take at once.
  template <class Form>
  static constexpr int panels = activation::bytes_of<Form> != 0 ? Shape.byte_panels : Shape.float_panels;
  /// The bytes of a worker's buffer for unpacked weights.
  static constexpr std::size_t unpacked_bytes =
      as_bytes<1>::unpacked_bytes > as_floats::unpacked_bytes ? as_bytes<1>::unpacked_bytes : as_floats::unpacked_bytes;
  static_assert(unpacked_bytes >= as_rounded::unpacked_bytes);

  /// sums[token][panels][16] = the product of `tokens` arranged tokens with a group of panels. `unpacked`: unpacked_bytes.
  template <class Format, class Form>
  static void multiply(const std::byte* const (&packed)[panels<Form>], index_t depth, const std::byte* x, index_t tokens, float* sums,
                       std::byte* unpacked) noexcept {
    const panel_group group{packed, Format::depth, Format::bytes};
    if constexpr (constexpr int bytes = activation::bytes_of<Form>; bytes != 0) {
      using words = as_bytes<bytes>;
      if (tokens == 1)
        return words::template one<Format>(packed, depth, reinterpret_cast<const activation::quantised_block<1, bytes>*>(x), sums);
      with_tiles(tokens > 4, [&](auto tiled) {
        words::template many<Format::how, tiled>(group, &unpack_bytes<Leaf, Format, tiled>, depth, x, tokens, sums,
                                                 reinterpret_cast<byte_block*>(unpacked));
      });
    } else if constexpr (std::is_same_v<Form, activation::rounded>) {
      if constexpr (!std::is_same_v<Format, panel::f32> && !std::is_same_v<Format, panel::f16>)  // those are packed as bf16
        with_tiles(true, [&](auto tiled) {
          const auto many = tokens == 1 ? &as_rounded::template many<1, tiled> : &as_rounded::template many<tile, tiled>;
          many(group, &as_rounded::template unpack<Format>, depth, x, tokens, sums, unpacked);
        });
    } else {
      if (tokens == 1 && !Format::integer) return as_floats::template one<Format>(packed, depth, reinterpret_cast<const float*>(x), sums);
      const auto many = tokens == 1 ? &as_floats::template many<1> : &as_floats::template many<tile>;
      many(group, &as_floats::template unpack<Format>, depth, x, tokens, sums, reinterpret_cast<float*>(unpacked));
    }
  }

 private:
  // Calls f(whether): through matrix registers where the machine has them, the system lends them and it `pays`.
  template <class F>
  TENON_INLINE static void with_tiles([[maybe_unused]] bool pays, F&& f) {
    if constexpr (Leaf::tiles::present)
      if (pays && Leaf::tiles::lent()) return f(std::true_type{});
    f(std::false_type{});
  }
};

TENON_KERNELS_END
