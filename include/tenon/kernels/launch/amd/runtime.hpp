#pragma once
// AMD's GPUs on the host, the runtime calls that tenon makes, each as it is. Compiles with any C++ compiler that finds hip/hip_runtime_api.h.

#include <cstddef>
#include <cstdlib>  // before HIP's, which needs it and does not say so
#include <cstring>

#include <hip/hip_runtime_api.h>

#include <tenon/kernels/launch/gpu/memory.hpp>
#include <tenon/kernels/launch/gpu/with_arch.hpp>

TENON_KERNELS_BEGIN

struct hip_runtime {
  using stream = hipStream_t;
  using event = hipEvent_t;
  using graph = hipGraph_t;
  using ready_graph = hipGraphExec_t;
  static constexpr const char *vendor = "AMD", *machine = "amd";
  static constexpr const char* fix_launch = "compile for this device: CMAKE_HIP_ARCHITECTURES, or --offload-arch=native";

  static const char* text(int code) { return hipGetErrorString(static_cast<hipError_t>(code)); }
  /// Forgets the fault of the last call, which had its answer.
  static void forget_error() { static_cast<void>(hipGetLastError()); }
  static bool means_no_device(int code) { return code == hipErrorNoDevice || code == hipErrorInsufficientDriver; }

  static gpu_outcome count(int* to) { return {hipGetDeviceCount(to), "hipGetDeviceCount"}; }
  static gpu_outcome use(int device) { return {hipSetDevice(device), "hipSetDevice"}; }
  static gpu_outcome facts(int device, device_facts* to) {
    hipDeviceProp_t all;
    if (const int code = hipGetDeviceProperties(&all, device); code != 0) return {code, "hipGetDeviceProperties"};
    static_assert(sizeof all.name == sizeof to->name);
    std::memcpy(to->name, all.name, sizeof to->name);
    // gfx90a:sramecc+:xnack- is gfx90a, and 0x90a.
    fault_detail::writer arch{to->arch, sizeof to->arch};
    for (const char* c = all.gcnArchName; *c != '\0' && *c != ':'; ++c) arch.append(*c);
    for (const char* c = to->arch; *c != '\0'; ++c)
      if (c - to->arch >= 3) to->number = 16 * to->number + (*c >= 'a' ? *c - 'a' + 10 : *c - '0');
    to->multiprocessors = all.multiProcessorCount, to->registers = all.regsPerBlock, to->lanes = all.warpSize;
    to->shared_bytes = all.maxSharedMemoryPerMultiProcessor, to->block_bytes = all.sharedMemPerBlock, to->memory_bytes = all.totalGlobalMem;
    to->clock_khz = all.clockRate, to->memory_clock_khz = all.memoryClockRate, to->memory_bits = all.memoryBusWidth;
    return {0, "hipGetDeviceProperties"};
  }

  static gpu_outcome allocate(void** to, std::size_t bytes, placed where) {
    if (where == placed::device) return {hipMalloc(to, bytes), "hipMalloc"};
    if (where == placed::unified) return {hipMallocManaged(to, bytes, hipMemAttachGlobal), "hipMallocManaged"};
    return {hipHostMalloc(to, bytes, hipHostMallocPortable), "hipHostMalloc"};
  }
  static gpu_outcome release(void* at, placed where) {
    if (where == placed::pinned) return {hipHostFree(at), "hipHostFree"};
    return {hipFree(at), "hipFree"};
  }
  static gpu_outcome copy(void* to, const void* from, std::size_t bytes, stream in) { return {hipMemcpyAsync(to, from, bytes, hipMemcpyDefault, in), "hipMemcpyAsync"}; }
  static gpu_outcome fill(void* to, int byte, std::size_t bytes, stream in) { return {hipMemsetAsync(to, byte, bytes, in), "hipMemsetAsync"}; }

  static gpu_outcome create(stream* to) { return {hipStreamCreateWithFlags(to, hipStreamNonBlocking), "hipStreamCreateWithFlags"}; }
  static gpu_outcome destroy(stream s) { return {hipStreamDestroy(s), "hipStreamDestroy"}; }
  static gpu_outcome synchronize(stream s) { return {hipStreamSynchronize(s), "hipStreamSynchronize"}; }
  static gpu_outcome wait(stream s, event until) { return {hipStreamWaitEvent(s, until, 0), "hipStreamWaitEvent"}; }
  static gpu_outcome create(event* to) { return {hipEventCreateWithFlags(to, hipEventDefault), "hipEventCreateWithFlags"}; }
  static gpu_outcome destroy(event e) { return {hipEventDestroy(e), "hipEventDestroy"}; }
  static gpu_outcome record(event e, stream in) { return {hipEventRecord(e, in), "hipEventRecord"}; }
  static gpu_outcome synchronize(event e) { return {hipEventSynchronize(e), "hipEventSynchronize"}; }
  static gpu_outcome elapsed(float* ms, event from, event to) { return {hipEventElapsedTime(ms, from, to), "hipEventElapsedTime"}; }

  static gpu_outcome allow_shared(const void* kernel, std::size_t bytes) {
    return {hipFuncSetAttribute(kernel, hipFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)), "hipFuncSetAttribute"};
  }
  static gpu_outcome launch(const void* kernel, gpu_extent grid, gpu_extent block, void** arguments, std::size_t shared_bytes, stream in) {
    const auto size = [](gpu_extent e) { return dim3(static_cast<unsigned>(e.x), static_cast<unsigned>(e.y), static_cast<unsigned>(e.z)); };
    return {hipLaunchKernel(kernel, size(grid), size(block), arguments, shared_bytes, in), "hipLaunchKernel"};
  }

  // Only this thread is kept from what a recording does not allow.
  static gpu_outcome begin_recording(stream s) { return {hipStreamBeginCapture(s, hipStreamCaptureModeThreadLocal), "hipStreamBeginCapture"}; }
  static gpu_outcome end_recording(stream s, graph* to) { return {hipStreamEndCapture(s, to), "hipStreamEndCapture"}; }
  static gpu_outcome instantiate(ready_graph* to, graph from) { return {hipGraphInstantiate(to, from, nullptr, nullptr, 0), "hipGraphInstantiate"}; }
  static gpu_outcome update(ready_graph at, graph from, bool* taken) {
    hipGraphNode_t where{};
    hipGraphExecUpdateResult why{};
    const hipError_t code = hipGraphExecUpdate(at, from, &where, &why);
    *taken = code == hipSuccess;
    if (code != hipErrorGraphExecUpdateFailure) return {code, "hipGraphExecUpdate"};
    forget_error();  // no fault: another graph
    return {0, "hipGraphExecUpdate"};
  }
  static gpu_outcome launch(ready_graph g, stream in) { return {hipGraphLaunch(g, in), "hipGraphLaunch"}; }
  static gpu_outcome destroy(graph g) { return {hipGraphDestroy(g), "hipGraphDestroy"}; }
  static gpu_outcome destroy(ready_graph g) { return {hipGraphExecDestroy(g), "hipGraphExecDestroy"}; }
};

/// An AMD GPU: amd{0} is the first of this machine.
using amd = gpu_device<hip_runtime>;

TENON_KERNELS_END
