#pragma once
// Streams and events of a GPU, owned.

#include <tenon/kernels/launch/gpu/fault.hpp>

TENON_KERNELS_BEGIN

/// The owner of anything that a runtime has a `destroy` for.
template <class Runtime, class Handle>
class gpu_handle {
 public:
  gpu_handle() = default;
  gpu_handle(gpu_handle&& other) noexcept : handle_(other.handle_) { other.handle_ = {}; }
  gpu_handle& operator=(gpu_handle&& other) noexcept {
    if (this != &other) {
      destroy();
      handle_ = other.handle_, other.handle_ = {};
    }
    return *this;
  }
  ~gpu_handle() { destroy(); }

  Handle get() const noexcept { return handle_; }
  /// Where a runtime writes what it makes; the owner is empty.
  Handle* place() noexcept { return &handle_; }

 private:
  void destroy() noexcept {
    // A failure here is that of an earlier call, or of a process that ends: nobody could do anything about it.
    if (handle_ != Handle{} && Runtime::destroy(handle_).code != 0) Runtime::forget_error();
  }

  Handle handle_{};
};

/// An order of work of its own, beside the device's default one and not waiting for it.
template <class Runtime>
class gpu_stream {
 public:
  explicit gpu_stream(int device) {
    check<Runtime>(Runtime::use(device), device, "pass the number of a device of this machine");
    check<Runtime>(Runtime::create(handle_.place()), device, "end other programs on this device");
  }
  typename Runtime::stream handle() const noexcept { return handle_.get(); }

 private:
  gpu_handle<Runtime, typename Runtime::stream> handle_;
};

/// A moment in the order of work of a device.
template <class Runtime>
class gpu_event {
 public:
  gpu_event(int device, typename Runtime::stream in) : device_(device) {
    check<Runtime>(Runtime::use(device), device, "pass the number of a device of this machine");
    check<Runtime>(Runtime::create(handle_.place()), device, "end other programs on this device");
    check<Runtime>(Runtime::record(handle_.get(), in), device, "record it on the device of its stream");
  }
  typename Runtime::event handle() const noexcept { return handle_.get(); }
  /// Until the work before it has ended. Throws what that work failed with.
  void wait() const { check<Runtime>(Runtime::synchronize(handle_.get()), device_, "see what ran on this device before: a kernel's fault is reported by a later call"); }
  /// Milliseconds from `earlier`, of the same device, both being over.
  float since(const gpu_event& earlier) const {
    float out = 0;
    check<Runtime>(Runtime::elapsed(&out, earlier.handle_.get(), handle_.get()), device_, "wait for the later one first");
    return out;
  }

 private:
  gpu_handle<Runtime, typename Runtime::event> handle_;
  int device_;
};

TENON_KERNELS_END
