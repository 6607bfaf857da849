#pragma once
// A simulated GPU thread is a stackful fiber of Boost.Context. Switches are announced to the address and thread sanitizers.
// Stacks belong to a pool and outlive fibers: a fiber that will never run again (its launch was given up) is dropped without
// unwinding, because kernels may be noexcept.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <boost/context/fiber.hpp>

#include <tenon/core/fault.hpp>

// g++ and clang say differently which sanitizer is on.
#if defined(__SANITIZE_ADDRESS__)
#define TENON_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define TENON_TSAN 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TENON_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define TENON_TSAN 1
#endif
#endif
#if defined(TENON_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(TENON_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

TENON_KERNELS_BEGIN
namespace simulation {

/// Stacks of one size, each with a page below it that may not be touched. Reused from launch to launch.
class stack_pool {
 public:
  stack_pool() = default;
  stack_pool(const stack_pool&) = delete;
  stack_pool& operator=(const stack_pool&) = delete;
  ~stack_pool() { release(); }

  /// Makes sure of `count` stacks of `bytes` each. Throws tenon::error when the system refuses.
  void reserve(std::size_t count, std::size_t bytes) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    bytes = (bytes + page - 1) / page * page;
    if (count <= count_ && bytes == bytes_) return;
    release();
    const std::size_t each = bytes + page;
    void* at = ::mmap(nullptr, count * each, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
      throw error("not enough address space: ", count, " simulated threads need ", each / 1024, " KiB each. Fix: a smaller stack_kib.");
    base_ = static_cast<std::byte*>(at), count_ = count, bytes_ = bytes, page_ = page;
    for (std::size_t i = 0; i < count; ++i) ::mprotect(base_ + i * each, page, PROT_NONE);
  }
  std::byte* bottom(std::size_t i) const { return base_ + i * (bytes_ + page_) + page_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void release() {
    if (base_ != nullptr) ::munmap(base_, count_ * (bytes_ + page_));
    base_ = nullptr, count_ = 0;
  }
  std::byte* base_ = nullptr;
  std::size_t count_ = 0, bytes_ = 0, page_ = 0;
};

/// One fiber, resumed by its owner and yielding to it.
class fiber {
 public:
  fiber() = default;
  fiber(const fiber&) = delete;
  fiber& operator=(const fiber&) = delete;
  ~fiber() { forget(); }

  /// Prepares entry(argument) on a stack of the pool; nothing runs yet.
  void start(std::byte* bottom, std::size_t bytes, void (*entry)(void*), void* argument) {
    forget();
    bottom_ = bottom, bytes_ = bytes;
#if defined(TENON_ASAN)
    ASAN_UNPOISON_MEMORY_REGION(bottom, bytes);
#endif
#if defined(TENON_TSAN)
    mine_ = __tsan_create_fiber(0);
#endif
    boost::context::stack_context stack;
    stack.size = bytes;
    stack.sp = bottom + bytes;
    const boost::context::preallocated place(stack.sp, stack.size, stack);
    ::new (static_cast<void*>(inner_))
        boost::context::fiber(std::allocator_arg, place, no_stacks{}, [this, entry, argument](boost::context::fiber&& from) {
          outer_ = std::move(from);
          entered(nullptr);
          entry(argument);
#if defined(TENON_TSAN)
          __tsan_switch_to_fiber(owner_, 0);
#endif
          leave(nullptr, outer_bottom_, outer_bytes_);
          return std::move(outer_);
        });
    alive_ = true;
  }

  /// Runs it until it yields or ends.
  void resume() {
    void* fake = nullptr;
#if defined(TENON_TSAN)
    owner_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(mine_, 0);
#endif
    leave(&fake, bottom_, bytes_);
    inner() = std::move(inner()).resume();
    arrive(fake, nullptr, nullptr);
  }

  /// Back to the owner, from inside.
  void yield() {
    void* fake = nullptr;
#if defined(TENON_TSAN)
    __tsan_switch_to_fiber(owner_, 0);
#endif
    leave(&fake, outer_bottom_, outer_bytes_);
    outer_ = std::move(outer_).resume();
    entered(fake);
  }

 private:
  struct no_stacks {  // the pool owns them
    boost::context::stack_context allocate() { return {}; }
    void deallocate(boost::context::stack_context&) noexcept {}
  };
  boost::context::fiber& inner() { return *std::launder(reinterpret_cast<boost::context::fiber*>(inner_)); }
  void entered(void* fake) { arrive(fake, &outer_bottom_, &outer_bytes_); }
  static void leave([[maybe_unused]] void** fake, [[maybe_unused]] const void* bottom, [[maybe_unused]] std::size_t bytes) {
#if defined(TENON_ASAN)
    __sanitizer_start_switch_fiber(fake, bottom, bytes);
#endif
  }
  static void arrive([[maybe_unused]] void* fake, [[maybe_unused]] const void** bottom, [[maybe_unused]] std::size_t* bytes) {
#if defined(TENON_ASAN)
    __sanitizer_finish_switch_fiber(fake, bottom, bytes);
#endif
  }
  void forget() {
    if (!alive_) return;
    alive_ = false;
    if (!inner()) inner().~fiber();  // one that has not ended would be unwound
#if defined(TENON_TSAN)
    __tsan_destroy_fiber(mine_);
#endif
  }

  alignas(boost::context::fiber) std::byte inner_[sizeof(boost::context::fiber)];
  boost::context::fiber outer_;
  const void* outer_bottom_ = nullptr;
  std::size_t outer_bytes_ = 0;
  std::byte* bottom_ = nullptr;
  std::size_t bytes_ = 0;
  bool alive_ = false;
#if defined(TENON_TSAN)
  void *mine_ = nullptr, *owner_ = nullptr;
#endif
};

}  // namespace simulation
TENON_KERNELS_END

#undef TENON_ASAN
#undef TENON_TSAN
