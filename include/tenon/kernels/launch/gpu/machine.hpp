#pragma once
// A GPU as launch functions see it, real or simulated: something that starts a body on a grid. They are written once over this concept.
//
// A body is a trivially copyable struct: its members are the arguments, `operator()() const` is what one thread does, `threads` how many a
// block has. It is a template on types alone, the leaf among them. What changes from token to token reaches a body
// through memory (device_place), never through its members, so that a recorded sequence of launches may be replayed.

#include <cstddef>
#include <cstdint>

#include <tenon/core/config.hpp>
#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN

/// Names its architecture and its leaf, and starts bodies: launch(grid, block, shared bytes, body).
template <class Machine>
concept device_machine = requires(const Machine& machine, void (*body)()) {
  typename Machine::arch;
  typename Machine::leaf;
  machine.launch({1, 1, 1}, {1}, std::size_t{0}, body);
};

/// The words that an architecture has for each kernel: specialised where they are (launch/nvidia/words.hpp, launch/amd/words.hpp). `multiplies<Number>`:
/// whether its products take numbers of Number.
template <class Arch>
struct words_of;

/// Where a block of tokens stands in its sequence: as the host knows it, for checks, and as kernels read it.
struct device_place {
  index_t first = 0;                 ///< position of the first token
  const std::int32_t* at = nullptr;  ///< memory of the machine: at[0] = first, at[1] = the position after the last token
};

/// Keys that launches over a cache of `length` keys are good for: those that are there, and up to twice as many.
TENON_INLINE constexpr index_t reach_of(index_t length, index_t capacity) {
  index_t reach = 512;
  while (reach < length) reach *= 2;
  return reach < capacity ? reach : capacity;
}

namespace kernel_detail {

/// Rows of floats for a body that takes four at a time.
template <class T>
struct device_floats {
  T* data = nullptr;
  index_t stride = 0;
  bool wide = false;  ///< whether every row begins at a multiple of 16 bytes

  device_floats() = default;
  explicit device_floats(const view<T, 2>& of)
      : data(of.data), stride(of.stride[0]), wide(reinterpret_cast<std::uintptr_t>(of.data) % 16 == 0 && of.stride[0] % 4 == 0) {}
};

template <device_machine Machine, class Body>
void launch(const Machine& machine, int x, int y, const Body& body, int shared_bytes = 0, int z = 1) {
  machine.launch({x, y, z}, {Body::threads}, static_cast<std::size_t>(shared_bytes), body);
}

template <class Int>
constexpr Int tiles(Int count, int of) {
  return (count + of - 1) / of;
}

}  // namespace kernel_detail
TENON_KERNELS_END
