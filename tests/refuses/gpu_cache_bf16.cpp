// expect: [precision.cache] must be bf16, int8_per_128 or e4m3_per_128 on a GPU: its kernels read no other. Fix: precision_policy<bf16>.
#include <tenon/kernels/launch/gpu/cache.hpp>

struct gpu {
  using arch = int;
  using leaf = int;
  struct extent {
    int x, y, z;
  };
  template <class Body>
  void launch(extent, extent, std::size_t, const Body&) const;
};
using cache = tenon::cache_on<gpu, float, tenon::heads{4, 2, 64, 64}>::type;
