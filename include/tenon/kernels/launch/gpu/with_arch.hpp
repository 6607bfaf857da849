#pragma once
// From a device, known at run time, to a machine of an architecture, known to the compiler: with_arch(device, f) calls f with the best that
// this program was compiled for. f is instantiated once for each architecture that has kernels, never for each pair of them.

#include <type_traits>
#include <utility>

#include <tenon/kernels/launch/gpu/arch.hpp>
#include <tenon/kernels/launch/gpu/device.hpp>
#include <tenon/kernels/launch/machine_types.hpp>
#include <tenon/kernels/shared/tensor_map.hpp>

TENON_KERNELS_BEGIN

/// Blocks of a grid, or threads of a block.
struct gpu_extent {
  int x, y = 1, z = 1;
};

/// How many blocks of a body a multiprocessor is to hold at once, which bounds their registers: Body::blocks where it is said, else 1.
template <class Body>
consteval int blocks_of() {
  if constexpr (requires { Body::blocks; })
    return Body::blocks;
  else
    return 1;
}

/// The kernels of a vendor's GPUs: address<Arch, Body>() is that of Body's. Specialised where the GPU's compiler is (nvidia/launch.hpp, amd/launch.hpp).
template <class Runtime>
struct gpu_kernels {
  static_assert(!std::is_same_v<Runtime, Runtime>, "[launch] of a GPU kernel needs the GPU's compiler. Fix: a .cu or .hip file with nvidia/launch.hpp or amd/launch.hpp.");
  template <class Arch, class Body>
  static const void* address();
};

/// A device whose kernels are those of Arch: what launch functions are templates over. Made by with_arch.
template <class Runtime, class Arch>
class gpu_machine : public gpu_device<Runtime> {
 public:
  using arch = Arch;
  using leaf = typename Arch::leaf;

  explicit gpu_machine(const gpu_device<Runtime>& device) : gpu_device<Runtime>(device) {}

  /// Memory of a model on this machine (launch/machine_types.hpp): unified, since the host packs weights into it and reads logits from it.
  class device_memory : public gpu_memory<Runtime> {
   public:
    device_memory() = default;
    device_memory(const gpu_machine& machine, std::size_t bytes, const char* what, memory_use) : gpu_memory<Runtime>(machine.index(), bytes, placed::unified, what) {}
  };
  /// Until all work has ended.
  void wait() const { this->synchronize(); }
  /// `of` as the copy engine takes it. Throws tenon::error, with the driver's text, where it has none or refuses the shape.
  tensor_map encode(const tensor_shape& of) const {
    check<Runtime>(Runtime::use(this->index()), this->index(), "pass the number of a device of this machine");
    typename Runtime::map_encoder by{};
    check<Runtime>(Runtime::find(&by), this->index(), Runtime::fix_encoder);
    tensor_map out;
    check<Runtime>(Runtime::encode(by, &out, of), this->index(), "give it a shape that kernels/shared/tensor_map.hpp allows");
    return out;
  }

  /// Runs body() as every thread of grid x block, in order of work; returns before it has ended. As simulated<Arch>::launch.
  /// Body: trivially copyable, `threads` threads to a block. Throws tenon::error for what no device of this architecture could begin.
  template <class Body>
  void launch(gpu_extent grid, gpu_extent block, std::size_t shared_bytes, const Body& body) const {
    static_assert(std::is_trivially_copyable_v<Body>, "[body] of launch is copied to the device byte by byte. Fix: make it trivially copyable.");
    static_assert(sizeof(Body) <= 4000, "[body] of launch exceeds 4000 bytes, the arguments of a kernel. Fix: pass a pointer to memory of the device.");
    if (grid.x < 1 || grid.y < 1 || grid.z < 1 || grid.y > 65535 || grid.z > 65535)
      throw error("[grid] of launch is ", grid.x, " x ", grid.y, " x ", grid.z, ": each must be at least 1, the last two at most 65535. Fix: other tiles, or fewer at once.");
    if (block.x != Body::threads || block.y != 1 || block.z != 1)
      throw error("[block] of launch is ", block.x, " x ", block.y, " x ", block.z, " threads: this kernel was compiled for ", int{Body::threads}, ". Fix: pass {Body::threads}.");
    if (shared_bytes > Arch::shared_limit)
      throw error("[shared_bytes] of launch is ", shared_bytes, ": a block of ", Arch::name, " has at most ", Arch::shared_limit, ". Fix: smaller tiles or fewer stages.");
    check<Runtime>(Runtime::use(this->index()), this->index(), "pass the number of a device of this machine");
    const void* const kernel = gpu_kernels<Runtime>::template address<Arch, Body>();
    constexpr std::size_t unasked = 48 * 1024;  // what a block has without a word
    if (shared_bytes > unasked) check<Runtime>(Runtime::allow_shared(kernel, shared_bytes), this->index(), Runtime::fix_launch);
    void* arguments[] = {const_cast<Body*>(&body)};
    check<Runtime>(Runtime::launch(kernel, grid, block, arguments, shared_bytes, this->stream()), this->index(), Runtime::fix_launch);
  }
};

/// Architectures, the best first.
template <class... Archs>
struct arch_list {
  /// Those for which this translation unit holds kernels: Targets::holds<Arch>().
  template <class Targets>
  static auto held_by() {
    return (arch_list<>{} + ... + std::conditional_t<Targets::template holds<Archs>(), arch_list<Archs>, arch_list<>>{});
  }
  template <class... More>
  constexpr arch_list<Archs..., More...> operator+(arch_list<More...>) const {
    return {};
  }
};

namespace kernel_detail {

template <class Targets, class Runtime, class F, class First, class... Rest>
decltype(auto) with_arch(const gpu_device<Runtime>& device, int serving, F&& f, arch_list<First, Rest...>) {
  if (First::number == serving) return std::forward<F>(f)(gpu_machine<Runtime, First>(device));
  if constexpr (sizeof...(Rest) > 0) {
    return with_arch<Targets>(device, serving, std::forward<F>(f), arch_list<Rest...>{});
  } else {
    const device_facts facts = device.facts();
    if (const char* why = Targets::lacking(serving, device.number())) throw error(Runtime::machine, "{", device.index(), "} is a ", facts.name, ", ", facts.arch, ": ", why, ".");
    throw error(Runtime::machine, "{", device.index(), "} is a ", facts.name, ", ", facts.arch, ", and this program was compiled for ", Targets::names(), ", whose kernels it cannot run. Fix: ",
                Targets::fix, ".");
  }
}

}  // namespace kernel_detail

/// What a translation unit was compiled for: `archs`, an arch_list of those that have every kernel, and `archs_of_parts`, of those that have
/// attention over arrays, and products; holds<Arch>(), whether kernels for Arch may be among it; serving(device), the number of the one whose kernels a device
/// runs; lacking(number, the device's own), what that one has and has not, a phrase, or null. Specialised where the GPU's compiler is.
template <class Runtime>
struct gpu_targets;

/// f(machine), machine being `device` with the best architecture among Archs, a list, else Targets'; what f returns. Throws tenon::error, in one
/// sentence, where the device can run none of them.
template <class Archs = void, class Runtime, class F, class Targets = gpu_targets<Runtime>>
decltype(auto) with_arch(const gpu_device<Runtime>& device, F&& f) {
  using asked = std::conditional_t<std::is_void_v<Archs>, std::type_identity<typename Targets::archs>, std::type_identity<Archs>>::type;
  using held = decltype(asked::template held_by<Targets>());
  static_assert(!std::is_same_v<held, arch_list<>>, "[with_arch] this file is compiled for GPUs that no kernel is written for. Fix: sm_80 or newer; gfx90a, gfx942, gfx1100 or gfx1201.");
  if constexpr (!std::is_same_v<held, arch_list<>>) return kernel_detail::with_arch<Targets>(device, Targets::serving(device), std::forward<F>(f), held{});
}

TENON_KERNELS_END
