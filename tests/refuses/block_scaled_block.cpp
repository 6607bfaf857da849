// expect: [block_scaled.Block] must be a positive multiple of 32: kernels scale whole vectors. Fix: 32, 64 or 128.
#include <tenon/core/block_scaled.hpp>

static_assert(tenon::block_scaled<tenon::e4m3, 48>::block > 0);
