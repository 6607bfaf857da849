#pragma once
// Words of 32 bits turned: 16 x 16 in the registers of a leaf with sixteen lanes, 4 x 4 in the 16-byte vectors that every processor
// has. What the words hold does not matter.

#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

/// to[column][row] = from[row][column], four of each; rows lie `from_stride` and `to_stride` apart.
TENON_INLINE void transpose_four(const float* from, index_t from_stride, float* to, index_t to_stride) {
  typedef float quad __attribute__((vector_size(16)));
  quad x[4];
  for (int r = 0; r < 4; ++r) __builtin_memcpy(&x[r], from + r * from_stride, sizeof(quad));
  const quad ab_low = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5), ab_high = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7);
  const quad cd_low = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5), cd_high = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
  const quad y[4] = {__builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5), __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
                     __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5), __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
  for (int r = 0; r < 4; ++r) __builtin_memcpy(to + r * to_stride, &y[r], sizeof(quad));
}

/// The row whose words end in lane `lane` of transpose_sixteen: its own inverse.
TENON_INLINE constexpr int row_of_lane(int lane) { return ((lane & 5) << 1) | ((lane & 10) >> 1); }

/// x[column] = x[row]: lane l then holds the word of the vector that was x[row_of_lane(l)].
template <class Leaf>
TENON_INLINE void transpose_sixteen(typename Leaf::vector (&x)[16]) {
  const auto stage = [&]<int Width>() TENON_LAMBDA {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i)
      if ((i & Width) == 0) {
        const auto first = Leaf::template folds<Width, 0>(x[i], x[i + Width]);
        x[i + Width] = Leaf::template folds<Width, 1>(x[i], x[i + Width]);
        x[i] = first;
      }
  };
  stage.template operator()<8>();
  stage.template operator()<4>();
  stage.template operator()<2>();
  stage.template operator()<1>();
}

}  // namespace atoms
TENON_KERNELS_END
