#pragma once
// A GPU as a small value: which device of this machine, and in which order of work. `nvidia{0}` and `amd{0}` are these; with_arch makes
// of one a machine that launches kernels.

#include <tenon/kernels/launch/gpu/memory.hpp>
#include <tenon/kernels/launch/gpu/stream.hpp>

TENON_KERNELS_BEGIN

/// Copies are the same device and the same order of work. Several devices and several host threads may be used at once. Every call
/// makes its device the current one of its thread and leaves it so: to go back would begin a context on a device that nobody asked for.
template <class Runtime>
class gpu_device {
 public:
  using runtime = Runtime;

  /// How many of these devices there are: 0 without a GPU, without its driver, or with a driver that is too old.
  static int count() {
    int out = 0;
    const gpu_outcome counted = Runtime::count(&out);
    if (!Runtime::means_no_device(counted.code)) check<Runtime>(counted, 0, "see whether the driver works");
    if (counted.code == 0) return out;
    Runtime::forget_error();
    return 0;
  }

  /// The device of that number. Throws tenon::error, in one sentence, where there is none.
  explicit gpu_device(int index = 0) : index_(index) {
    int all = 0;
    const gpu_outcome counted = Runtime::count(&all);
    if (counted.code != 0) Runtime::forget_error();
    if (counted.code != 0 || all == 0)
      throw error("no ", Runtime::vendor, " GPU can be used here: ", counted.code == 0 ? "there is none" : Runtime::text(counted.code), " (", counted.call, ", code ", counted.code,
                  "). Fix: run it where a GPU and its driver are, or on another machine: cpu, simulated.");
    if (index < 0 || index >= all)
      throw error("[", Runtime::machine, "] ", index, " is no device: here are ", all, ", numbered from 0. Fix: a number below ", all, ".");
    number_ = facts().number;
  }

  int index() const noexcept { return index_; }
  /// Its architecture: 86 for sm_86, 0x942 for gfx942.
  int number() const noexcept { return number_; }
  device_facts facts() const {
    device_facts out;
    check<Runtime>(Runtime::facts(index_, &out), index_, "see whether the driver works");
    return out;
  }

  /// Memory of this device, zeroed. Throws tenon::error where there is not enough.
  gpu_memory<Runtime> memory(std::size_t bytes, placed where = placed::device, const char* what = "an array") const { return {index_, bytes, where, what}; }
  template <class T>
  gpu_array<T, Runtime> array(index_t count, placed where = placed::device, const char* what = "an array") const {
    return {index_, count, where, what};
  }

  /// The same device, working in the order of `stream`, which outlives it.
  gpu_device on(const gpu_stream<Runtime>& stream) const {
    gpu_device out = *this;
    out.stream_ = stream.handle();
    return out;
  }
  typename Runtime::stream stream() const noexcept { return stream_; }

  /// Copies in order of work, between any two places. Memory of the host that is not pinned must not change until `synchronize`.
  void copy(void* to, const void* from, std::size_t bytes) const {
    if (bytes == 0) return;
    check<Runtime>(Runtime::use(index_), index_, "pass the number of a device of this machine");
    check<Runtime>(Runtime::copy(to, from, bytes, stream_), index_, "pass memory of the host or of a device, with that many bytes");
  }
  void fill(void* to, unsigned char byte, std::size_t bytes) const {
    if (bytes == 0) return;
    check<Runtime>(Runtime::use(index_), index_, "pass the number of a device of this machine");
    check<Runtime>(Runtime::fill(to, byte, bytes, stream_), index_, "pass memory of a device, with that many bytes");
  }
  /// Until all work in this order has ended. Throws what it failed with.
  void synchronize() const {
    check<Runtime>(Runtime::use(index_), index_, "pass the number of a device of this machine");
    check<Runtime>(Runtime::synchronize(stream_), index_, "see what ran on this device before: a kernel's fault is reported by a later call");
  }
  /// This moment in the order of work.
  gpu_event<Runtime> mark() const { return {index_, stream_}; }
  /// What is ordered after this call begins after `event`, of any order of work.
  void after(const gpu_event<Runtime>& event) const {
    check<Runtime>(Runtime::use(index_), index_, "pass the number of a device of this machine");
    check<Runtime>(Runtime::wait(stream_, event.handle()), index_, "pass an event that was recorded");
  }

 private:
  int index_, number_ = 0;
  typename Runtime::stream stream_{};
};

TENON_KERNELS_END
