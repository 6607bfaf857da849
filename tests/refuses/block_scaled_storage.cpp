// expect: [block_scaled.Storage] must be std::int8_t or e4m3. Fix: name one of the two.
#include <tenon/core/block_scaled.hpp>

static_assert(tenon::block_scaled<short, 128>::block == 128);
