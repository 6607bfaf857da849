#pragma once
// The simulated GPUs: machines that run the real GPU kernels on a processor, under a debugger, and report what a GPU would have left
// undefined or unnoticed. `simulated<sm80>{}`, `simulated<gfx942>{}` and the others of launch/gpu/arch.hpp are used like any machine. Needs Boost.Context (the CMake
// target tenon::simulated). What is checked, and what it does not prove: kernels/atoms/simulated/README.md.

#include <cstring>
#include <memory>
#include <utility>

#include <tenon/kernels/atoms/gfx1100/leaf_simulated.hpp>
#include <tenon/kernels/atoms/gfx1201/leaf_simulated.hpp>
#include <tenon/kernels/atoms/gfx90a/leaf_simulated.hpp>
#include <tenon/kernels/atoms/gfx942/leaf_simulated.hpp>
#include <tenon/kernels/atoms/sm80/leaf_simulated.hpp>
#include <tenon/kernels/atoms/sm75/leaf_simulated.hpp>
#include <tenon/kernels/atoms/sm90a/leaf_simulated.hpp>
#include <tenon/kernels/launch/gpu/arch.hpp>
#include <tenon/kernels/launch/machine_types.hpp>

TENON_KERNELS_BEGIN

/// A GPU of architecture Arch on the processor. Copies share one device. One launch at a time.
template <class Arch>
class simulated {
 public:
  using arch = Arch;
  using leaf = typename Arch::simulated_leaf;
  using options = simulation::options;

  explicit simulated(const options& how = {}) : device_(std::make_shared<simulation::executor>(leaf::name, leaf::lanes, leaf::shared(), how)) {}

  /// Runs body() as every thread of grid x block, with `shared_bytes` of shared memory per block; returns when all have ended.
  /// Faults go to the report; throws tenon::error for a launch that no device of this architecture could begin.
  template <class Body>
  void launch(simulation::extent grid, simulation::extent block, std::size_t shared_bytes, const Body& body) const {
    if (shared_bytes > Arch::shared_limit)
      throw error("[shared_bytes] of launch is ", shared_bytes, ": a block of ", leaf::name, " has at most ", Arch::shared_limit,
                  ". Fix: smaller tiles or fewer stages.");
    device_->run(
        grid, block, shared_bytes, [](const void* call) { (*static_cast<const Body*>(call))(); }, &body);
  }

  /// Lets kernels read [data, data + bytes), or write it too. `called`: its name in reports. Until `forget`.
  void readable(const void* data, std::size_t bytes, const char* called) const {
    device_->memory().add(data, bytes, called, simulation::access::read_only, simulation::content::initialised);
  }
  void writable(void* data, std::size_t bytes, const char* called, simulation::content what = simulation::content::uninitialised) const {
    device_->memory().add(data, bytes, called, simulation::access::writable, what);
  }
  void forget(const void* data) const { device_->memory().forget(data); }

  /// Memory that is registered while this lives.
  class memory {
   public:
    explicit memory(const simulated& machine) : machine_(machine) {}
    memory(const memory&) = delete;
    memory& operator=(const memory&) = delete;
    ~memory() {
      for (int i = 0; i < count_; ++i) machine_.forget(all_[i]);
    }
    void readable(const void* data, std::size_t bytes, const char* called) const { room(), machine_.readable(data, bytes, called), keep(data); }
    void writable(void* data, std::size_t bytes, const char* called) const { room(), machine_.writable(data, bytes, called), keep(data); }

   private:
    void room() const {
      if (count_ == most) throw error("[memory] of a simulated machine holds at most ", most, " arrays. Fix: a second one.");
    }
    void keep(const void* data) const { all_[count_++] = data; }
    static constexpr int most = 16;
    const simulated& machine_;
    mutable const void* all_[most];
    mutable int count_ = 0;
  };

  /// Memory of the machine (launch/machine_types.hpp): what lies beyond its end belongs to nobody, so that a kernel which goes there is seen.
  class device_memory {
   public:
    device_memory() = default;
    device_memory(const simulated& machine, std::size_t bytes, const char* what, memory_use use)
        : device_(machine.device_), bytes_(bytes + beyond, what), size_(bytes) {
      const bool constants = use == memory_use::constants;
      device_->memory().add(data(), bytes, what, constants ? simulation::access::read_only : simulation::access::writable,
                            constants ? simulation::content::initialised : simulation::content::uninitialised);
    }
    device_memory(device_memory&&) = default;
    device_memory& operator=(device_memory&& other) noexcept {
      release();
      device_ = std::move(other.device_), bytes_ = std::move(other.bytes_), size_ = other.size_;
      return *this;
    }
    ~device_memory() { release(); }

    std::byte* data() const noexcept { return bytes_.data(); }
    std::size_t size() const noexcept { return size_; }

   private:
    void release() {
      if (device_ != nullptr) device_->memory().forget(data());
    }
    static constexpr std::size_t beyond = 256;
    std::shared_ptr<simulation::executor> device_;
    buffer bytes_;
    std::size_t size_ = 0;
  };
  /// Bytes of the host or of the machine to memory of the machine, in order with the launches.
  void copy(void* to, const void* from, std::size_t bytes) const {
    std::memcpy(to, from, bytes);
    device_->memory().copied(to, from, bytes);
  }
  /// The host has written there.
  void written(const void* data, std::size_t bytes) const { device_->memory().written(data, bytes); }

  /// `of` as the simulated copy engine takes it. Throws tenon::error for what a driver would refuse.
  tensor_map encode(const tensor_shape& of) const { return simulation::encode(of); }

  /// What the launches so far did and did wrong.
  const simulation::report& report() const { return device_->report(); }
  void clear_report() const { device_->clear_report(); }
  /// May be changed between launches.
  options& how() const { return device_->how(); }

 private:
  std::shared_ptr<simulation::executor> device_;
};

TENON_KERNELS_END
