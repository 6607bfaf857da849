#pragma once
// Owned bytes for weights, caches and activations: aligned to a cache line, on huge pages where the system has them.

#include <cstddef>
#include <cstdint>

#include <sys/mman.h>

#include <tenon/core/fault.hpp>

namespace tenon {

/// Zeroed memory from the system, released on destruction. Pages are taken when first touched.
class buffer {
 public:
  buffer() = default;
  /// Throws tenon::error when the system refuses. `what` names the use in that message.
  explicit buffer(std::size_t bytes, const char* what = "a buffer") : size_(bytes) {
    if (bytes == 0) return;
    constexpr std::size_t huge = std::size_t{2} << 20;
    mapped_ = bytes < huge ? bytes : bytes + huge;  // room to start on a huge page
    void* at = mapped_ < bytes ? MAP_FAILED : ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
      mapped_ = 0;
      throw error("not enough memory: ", what, " needs ", bytes / 1024, " KiB. Fix: a smaller model, cache or batch, or a machine with more memory.");
    }
    base_ = static_cast<std::byte*>(at);
    data_ = base_;
    if (bytes >= huge) {
      data_ = reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(base_) + huge - 1) & ~(huge - 1));
      ::madvise(data_, bytes, MADV_HUGEPAGE);  // advice: without it everything works, a little slower
    }
  }
  buffer(buffer&& other) noexcept { swap(other); }
  buffer& operator=(buffer&& other) noexcept {
    buffer taken(static_cast<buffer&&>(other));
    swap(taken);
    return *this;
  }
  ~buffer() {
    if (base_ != nullptr) ::munmap(base_, mapped_);
  }

  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }

 private:
  void swap(buffer& other) noexcept {
    auto exchange = [](auto& a, auto& b) {
      auto kept = a;
      a = b;
      b = kept;
    };
    exchange(base_, other.base_), exchange(data_, other.data_), exchange(size_, other.size_), exchange(mapped_, other.mapped_);
  }

  std::byte *base_ = nullptr, *data_ = nullptr;
  std::size_t size_ = 0, mapped_ = 0;
};

/// `size` rounded up to a multiple of `step`.
constexpr std::size_t round_up(std::size_t size, std::size_t step) { return (size + step - 1) / step * step; }

}  // namespace tenon
