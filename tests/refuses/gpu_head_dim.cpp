// expect: [attention.head_dim] must be 64 or 128 on a GPU: its tiles are that wide. Fix: pad the heads of the model.
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
using cache = tenon::cache_on<gpu, tenon::bf16, tenon::heads{4, 2, 80, 80}>::type;
