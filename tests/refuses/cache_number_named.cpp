// expect: [cache_view.Number] must be float, bf16, f16 or a block_scaled number. Fix: name one, as in cache_view<bf16>.
#include <tenon/policies/cache.hpp>

constexpr tenon::cache_view<double> cache{};
