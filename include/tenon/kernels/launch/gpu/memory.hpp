#pragma once
// Memory that a GPU reads and writes, owned.

#include <cstddef>
#include <cstring>
#include <limits>
#include <type_traits>

#include <tenon/core/view.hpp>
#include <tenon/kernels/launch/gpu/fault.hpp>

TENON_KERNELS_BEGIN

/// Who reaches memory. `device`: its kernels alone. `pinned`: the host's memory, which copies reach at full speed and kernels slowly.
/// `unified`: the host and every kernel, pages move to who asks.
enum class placed : unsigned char { device, pinned, unified };

/// Zeroed bytes, released on destruction; aligned to 256.
template <class Runtime>
class gpu_memory {
 public:
  gpu_memory() = default;
  /// `what` names the use in the message when there is not enough. Throws tenon::error.
  gpu_memory(int device, std::size_t bytes, placed where, const char* what) : size_(bytes), where_(where) {
    if (bytes == 0) return;
    check<Runtime>(Runtime::use(device), device, "pass the number of a device of this machine");
    if (where == placed::unified) check_shared(device, what);
    void* at = nullptr;
    if (const gpu_outcome taken = Runtime::allocate(&at, bytes, where); taken.code != 0) {
      Runtime::forget_error();
      throw error("not enough memory: ", what, " needs ", bytes / 1024, " KiB of ", Runtime::machine, "{", device, "}: ", Runtime::text(taken.code), " (", taken.call, ", code ", taken.code,
                  "). Fix: a smaller model, cache or batch, or a device with more memory.");
    }
    data_ = static_cast<std::byte*>(at);
    // Seen by every stream: the host waits.
    gpu_outcome done{};
    if (where == placed::pinned)
      std::memset(at, 0, bytes);
    else if (done = Runtime::fill(at, 0, bytes, {}); done.code == 0)
      done = Runtime::synchronize(typename Runtime::stream{});
    if (done.code != 0) {
      release();
      check<Runtime>(done, device, "see what ran on this device before");
    }
  }
  gpu_memory(gpu_memory&& other) noexcept : data_(other.data_), size_(other.size_), where_(other.where_) { other.data_ = nullptr, other.size_ = 0; }
  gpu_memory& operator=(gpu_memory&& other) noexcept {
    if (this != &other) {
      release();
      data_ = other.data_, size_ = other.size_, where_ = other.where_;
      other.data_ = nullptr, other.size_ = 0;
    }
    return *this;
  }
  ~gpu_memory() { release(); }

  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  placed where() const noexcept { return where_; }

 private:
  // A device that takes memory from the host while its kernels run would end the process where the host looks at it.
  static void check_shared(int device, const char* what) {
    if constexpr (requires(int* to) { Runtime::shares_memory(device, to); }) {
      int shares = 0;
      check<Runtime>(Runtime::shares_memory(device, &shares), device, "see whether the driver works");
      if (shares == 0)
        throw error(Runtime::machine, "{", device, "} shares no memory with the host while its kernels run, as ", what,
                    " would need it to (its concurrentManagedAccess is 0). Fix: a GPU of sm_60 or newer under Linux, or placed::device and copies.");
    }
  }
  void release() noexcept {
    // A failure here is that of an earlier call, or of a process that ends: nobody could do anything about it.
    if (data_ != nullptr && Runtime::release(data_, where_).code != 0) Runtime::forget_error();
    data_ = nullptr, size_ = 0;
  }

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  placed where_ = placed::device;
};

/// `count` numbers of such memory.
template <class T, class Runtime>
class gpu_array {
  static_assert(std::is_trivially_copyable_v<T>, "[gpu_array] holds what may be copied byte by byte. Fix: a trivially copyable type.");

 public:
  gpu_array() = default;
  gpu_array(int device, index_t count, placed where, const char* what) : memory_(device, bytes_of(count, what), where, what) {}

  T* data() const noexcept { return reinterpret_cast<T*>(memory_.data()); }
  index_t size() const noexcept { return static_cast<index_t>(memory_.size() / sizeof(T)); }

 private:
  static std::size_t bytes_of(index_t count, const char* what) {
    if (count < 0 || static_cast<std::size_t>(count) > std::numeric_limits<std::size_t>::max() / 2 / sizeof(T))
      throw error("[count] of ", what, " is ", count, ": memory has no such size. Fix: check what it was computed from.");
    return static_cast<std::size_t>(count) * sizeof(T);
  }

  gpu_memory<Runtime> memory_;
};

TENON_KERNELS_END
