#pragma once
// What a call of a GPU's runtime said, and the sentence for it. A runtime (nvidia/runtime.hpp, amd/runtime.hpp) is a struct of static
// functions, each one call of the vendor's; what stands above it is written once, over either.

#include <cstddef>

#include <tenon/core/fault.hpp>

TENON_KERNELS_BEGIN

/// Code 0 is success, for both vendors.
struct gpu_outcome {
  int code;
  const char* call;  ///< the vendor's name for it
};

/// What a device says about itself.
struct device_facts {
  char name[256] = {};           ///< the vendor's
  char arch[64] = {};            ///< sm_86, gfx942
  int number = 0;                ///< 86, 0x942
  int multiprocessors = 0;       ///< AMD: compute units
  int registers = 0;             ///< of 32 bits, for each multiprocessor
  int lanes = 0;                 ///< threads that act as one
  std::size_t shared_bytes = 0;  ///< of each multiprocessor
  std::size_t block_bytes = 0;   ///< of them, what one block may have
  std::size_t memory_bytes = 0;
  int clock_khz = 0, memory_clock_khz = 0, memory_bits = 0;  ///< at their most; the width of the memory's bus
};

/// A list of architectures in a sentence.
class gpu_names {
 public:
  void add(const char* vendor, int number) {
    fault_detail::writer to{text_, sizeof text_, size_};
    if (size_ != 0) to.append(", ");
    to.append(vendor), to.append(number);
    size_ = to.size;
  }
  const char* data() const { return text_; }
  std::size_t size() const { return size_; }

 private:
  char text_[128] = {};
  std::size_t size_ = 0;
};

/// Throws tenon::error where `what` failed: which call on which device, the device's own text, and `fix`, a phrase. Leaves no error behind
/// that a later call would be blamed for.
template <class Runtime>
void check(const gpu_outcome& what, int device, const char* fix) {
  if (what.code == 0) return;
  Runtime::forget_error();
  throw error(Runtime::machine, "{", device, "}: ", what.call, " failed: ", Runtime::text(what.code), " (code ", what.code, "). Fix: ", fix, ".");
}

TENON_KERNELS_END
