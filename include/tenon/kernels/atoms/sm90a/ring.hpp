#pragma once
// A ring of stages in shared memory between a thread that fills them and warps that use them up: two barriers per stage, full and empty.

#include <tenon/core/config.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm90a {

/// Bytes of a ring's barriers.
template <int Stages>
inline constexpr int ring_bytes = Stages * 16;

/// Where one side stands. The filling side begins with parity 1: all stages of a fresh ring are empty.
template <class Leaf, int Stages>
struct ring {
  using address = typename Leaf::address;
  address barriers;
  int stage = 0, parity;

  TENON_BOTH TENON_INLINE ring(address at, int first_parity) : barriers(at), parity(first_parity) {}

  /// By one thread: a stage is full after `fillers` arrivals and their bytes came, and empty after `users` arrivals.
  TENON_BOTH TENON_INLINE static void init(address at, int users, int fillers = 1) {
    TENON_UNROLL for (int s = 0; s < Stages; ++s) {
      Leaf::init_arrivals(at + static_cast<address>(8 * s), fillers);
      Leaf::init_arrivals(at + static_cast<address>(8 * (Stages + s)), users);
    }
  }
  TENON_BOTH TENON_INLINE address full() const { return barriers + static_cast<address>(8 * stage); }
  TENON_BOTH TENON_INLINE address empty() const { return barriers + static_cast<address>(8 * (Stages + stage)); }
  TENON_BOTH TENON_INLINE void await_full() const { Leaf::await_arrivals(full(), parity); }
  TENON_BOTH TENON_INLINE void await_empty() const { Leaf::await_arrivals(empty(), parity); }
  TENON_BOTH TENON_INLINE void next() {
    ++stage;
    if (stage == Stages) stage = 0, parity ^= 1;
  }
};

}  // namespace atoms::sm90a
TENON_KERNELS_END
