#pragma once
// The PTX executor as a machine: launch functions, called as models call them, start the PTX that nvcc made of their bodies.

#include "ptx_launch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include <tenon/kernels/launch/machine_types.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>

namespace tenon_test {

/// What the host needs of a leaf.
struct ptx_leaf : absent_leaf {
  static constexpr int lanes = 32;
};

/// The name of a body's kernel in the module: specialised by TENON_TEST_NAME.
template <class Body>
inline constexpr const char* ptx_name = nullptr;

/// Runs each launch in one of the ways of ptx_ways(); every launch must end without a fault. Arch: whose kernels the module holds.
template <class Arch>
class ptx_machine_of {
 public:
  using arch = Arch;
  using leaf = ptx_leaf;
  struct extent {
    int x = 1, y = 1, z = 1;
  };

  ptx_machine_of(ptx::Module& module, const ptx::Options& way, ptx::Swizzle order = ptx::Swizzle::B128) : module_(&module), way_(way), order_(order) {}
  template <class Body>
  void launch(extent grid, extent block, std::size_t shared_bytes, const Body& body) const {
    REQUIRE_MESSAGE(ptx_name<Body> != nullptr, "a body that the module has no kernel of");
    const auto size = [](int n) { return static_cast<unsigned>(n); };
    launch_clean(*module_, ptx_name<Body>, {size(grid.x), size(grid.y), size(grid.z)}, size(block.x), ptx::Args(body), size(static_cast<int>(shared_bytes)), way_);
  }

  /// Memory of the executor, guarded on both sides.
  class device_memory {
   public:
    device_memory(const ptx_machine_of&, std::size_t bytes, const char* what, tenon::memory_use) : bytes_(std::make_unique<ptx::Buffer<std::byte>>(bytes, what)) {}
    std::byte* data() const { return bytes_->data(); }

   private:
    std::unique_ptr<ptx::Buffer<std::byte>> bytes_;
  };
  void copy(void* to, const void* from, std::size_t bytes) const { std::memcpy(to, from, bytes); }
  tenon::tensor_map encode(const tenon::tensor_shape& of) const { return tenon_test::encode(of, order_); }

 private:
  ptx::Module* module_;
  ptx::Options way_;
  ptx::Swizzle order_;
};

using ptx_machine = ptx_machine_of<tenon::sm80>;

/// The same, but for one kernel, which another module has, broken: its faults are no failures, and are kept.
template <class Arch>
class broken_ptx_machine : public ptx_machine_of<Arch> {
 public:
  using extent = typename ptx_machine_of<Arch>::extent;
  broken_ptx_machine(ptx::Module& whole, ptx::Module& broken, std::string kernel, const ptx::Options& way) : ptx_machine_of<Arch>(whole, way), broken_(&broken), kernel_(std::move(kernel)), way_(way) {}
  template <class Body>
  void launch(extent grid, extent block, std::size_t shared_bytes, const Body& body) const {
    if (ptx_name<Body> == nullptr || kernel_ != ptx_name<Body>) return ptx_machine_of<Arch>::launch(grid, block, shared_bytes, body);
    const auto size = [](int n) { return static_cast<unsigned>(n); };
    ptx::Report now = broken_->launch(kernel_, {size(grid.x), size(grid.y), size(grid.z)}, {size(block.x), 1, 1}, ptx::Args(body), static_cast<unsigned>(shared_bytes), way_);
    if (ran_ && !report.clean()) return;  // the first fault is the one that tells
    report = std::move(now), ran_ = true;
  }
  mutable ptx::Report report;
  bool ran() const { return ran_; }

 private:
  ptx::Module* broken_;
  std::string kernel_;
  ptx::Options way_;
  mutable bool ran_ = false;
};

/// f(machine) is the distance of a result in which a broken kernel takes part.
template <class F, class Arch = tenon::sm80>
struct broken_run {
  ptx::Module& whole;
  F f;
  double off = 0;
  void spoil() {}
  ptx::Report launch(ptx::Module& broken, const std::string& kernel, const ptx::Options& way) {
    const broken_ptx_machine<Arch> machine(whole, broken, kernel, way);
    off = f(machine);
    REQUIRE_MESSAGE(machine.ran(), "the kernel that is broken takes no part");
    return machine.report;
  }
  double distance() const { return off; }
};
template <class F>
broken_run(ptx::Module&, F) -> broken_run<F>;

/// Memory of the executor that holds these numbers.
template <class T>
struct on_ptx : ptx::Buffer<T> {
  on_ptx(const std::vector<T>& of, const char* called) : ptx::Buffer<T>(of.size(), called) { std::copy(of.begin(), of.end(), this->data()); }
};

}  // namespace tenon_test

#define TENON_TEST_NAME(name, body) \
  template <>                       \
  inline constexpr const char* tenon_test::ptx_name<body> = #name;
