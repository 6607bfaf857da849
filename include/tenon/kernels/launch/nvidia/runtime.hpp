#pragma once
// NVIDIA's GPUs on the host, the runtime calls that tenon makes, each as it is. Compiles with any C++ compiler that finds cuda_runtime_api.h.

#include <cstddef>
#include <cstring>

#include <cuda.h>  // types alone: nothing is linked with the driver
#include <cuda_runtime_api.h>

#include <tenon/kernels/launch/gpu/memory.hpp>
#include <tenon/kernels/launch/gpu/with_arch.hpp>

TENON_KERNELS_BEGIN

struct cuda_runtime {
  using stream = cudaStream_t;
  using event = cudaEvent_t;
  using graph = cudaGraph_t;
  using ready_graph = cudaGraphExec_t;
  static constexpr const char *vendor = "NVIDIA", *machine = "nvidia";
  static constexpr const char* fix_launch = "compile for this device: CMAKE_CUDA_ARCHITECTURES, or nvcc -arch=native";

  static const char* text(int code) { return cudaGetErrorString(static_cast<cudaError_t>(code)); }
  /// Forgets the fault of the last call, which had its answer.
  static void forget_error() { static_cast<void>(cudaGetLastError()); }
  static bool means_no_device(int code) { return code == cudaErrorNoDevice || code == cudaErrorInsufficientDriver; }
  static bool means_no_image(int code) { return code == cudaErrorNoKernelImageForDevice || code == cudaErrorInvalidDeviceFunction; }

  static gpu_outcome count(int* to) { return {cudaGetDeviceCount(to), "cudaGetDeviceCount"}; }
  static gpu_outcome use(int device) { return {cudaSetDevice(device), "cudaSetDevice"}; }
  static gpu_outcome facts(int device, device_facts* to) {
    cudaDeviceProp all;
    if (const int code = cudaGetDeviceProperties(&all, device); code != 0) return {code, "cudaGetDeviceProperties"};
    static_assert(sizeof all.name == sizeof to->name);
    std::memcpy(to->name, all.name, sizeof to->name);
    to->number = 10 * all.major + all.minor;
    fault_detail::writer arch{to->arch, sizeof to->arch};
    arch.append("sm_"), arch.append(to->number);
    to->multiprocessors = all.multiProcessorCount, to->registers = all.regsPerMultiprocessor, to->lanes = all.warpSize;
    to->shared_bytes = all.sharedMemPerMultiprocessor, to->block_bytes = all.sharedMemPerBlockOptin, to->memory_bytes = all.totalGlobalMem;
    to->memory_bits = all.memoryBusWidth;
    if (const int code = cudaDeviceGetAttribute(&to->clock_khz, cudaDevAttrClockRate, device); code != 0) return {code, "cudaDeviceGetAttribute"};
    return {cudaDeviceGetAttribute(&to->memory_clock_khz, cudaDevAttrMemoryClockRate, device), "cudaDeviceGetAttribute"};
  }

  /// Whether the host may touch unified memory while kernels of any stream run.
  static gpu_outcome shares_memory(int device, int* to) { return {cudaDeviceGetAttribute(to, cudaDevAttrConcurrentManagedAccess, device), "cudaDeviceGetAttribute"}; }
  static gpu_outcome allocate(void** to, std::size_t bytes, placed where) {
    if (where == placed::device) return {cudaMalloc(to, bytes), "cudaMalloc"};
    if (where == placed::unified) return {cudaMallocManaged(to, bytes, cudaMemAttachGlobal), "cudaMallocManaged"};
    return {cudaHostAlloc(to, bytes, cudaHostAllocPortable), "cudaHostAlloc"};
  }
  static gpu_outcome release(void* at, placed where) {
    if (where == placed::pinned) return {cudaFreeHost(at), "cudaFreeHost"};
    return {cudaFree(at), "cudaFree"};
  }
  static gpu_outcome copy(void* to, const void* from, std::size_t bytes, stream in) { return {cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, in), "cudaMemcpyAsync"}; }
  static gpu_outcome fill(void* to, int byte, std::size_t bytes, stream in) { return {cudaMemsetAsync(to, byte, bytes, in), "cudaMemsetAsync"}; }

  static gpu_outcome create(stream* to) { return {cudaStreamCreateWithFlags(to, cudaStreamNonBlocking), "cudaStreamCreateWithFlags"}; }
  static gpu_outcome destroy(stream s) { return {cudaStreamDestroy(s), "cudaStreamDestroy"}; }
  static gpu_outcome synchronize(stream s) { return {cudaStreamSynchronize(s), "cudaStreamSynchronize"}; }
  static gpu_outcome wait(stream s, event until) { return {cudaStreamWaitEvent(s, until, 0), "cudaStreamWaitEvent"}; }
  static gpu_outcome create(event* to) { return {cudaEventCreateWithFlags(to, cudaEventDefault), "cudaEventCreateWithFlags"}; }
  static gpu_outcome destroy(event e) { return {cudaEventDestroy(e), "cudaEventDestroy"}; }
  static gpu_outcome record(event e, stream in) { return {cudaEventRecord(e, in), "cudaEventRecord"}; }
  static gpu_outcome synchronize(event e) { return {cudaEventSynchronize(e), "cudaEventSynchronize"}; }
  static gpu_outcome elapsed(float* ms, event from, event to) { return {cudaEventElapsedTime(ms, from, to), "cudaEventElapsedTime"}; }

  static gpu_outcome allow_shared(const void* kernel, std::size_t bytes) {
    return {cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)), "cudaFuncSetAttribute"};
  }
  /// Threads that a block of the kernel may have on the current device.
  static gpu_outcome most_threads(const void* kernel, int* to) {
    cudaFuncAttributes all{};
    const cudaError_t code = cudaFuncGetAttributes(&all, kernel);
    *to = all.maxThreadsPerBlock;
    return {code, "cudaFuncGetAttributes"};
  }
  static gpu_outcome launch(const void* kernel, gpu_extent grid, gpu_extent block, void** arguments, std::size_t shared_bytes, stream in) {
    const auto size = [](gpu_extent e) { return dim3(static_cast<unsigned>(e.x), static_cast<unsigned>(e.y), static_cast<unsigned>(e.z)); };
    return {cudaLaunchKernel(kernel, size(grid), size(block), arguments, shared_bytes, in), "cudaLaunchKernel"};
  }

  /// The driver's encoder of tensor maps, which its runtime finds.
  using map_encoder = decltype(&cuTensorMapEncodeTiled);
  static constexpr const char* fix_encoder = "install a driver of CUDA 12 or newer";
  static gpu_outcome find(map_encoder* to) {
    void* at = nullptr;
    auto found = cudaDriverEntryPointSymbolNotFound;
    const cudaError_t code = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &at, 12000, cudaEnableDefault, &found);
    *to = reinterpret_cast<map_encoder>(at);
    // A driver that is older than the function: the call succeeds.
    return {code == cudaSuccess && found != cudaDriverEntryPointSuccess ? cudaErrorCallRequiresNewerDriver : code, "cudaGetDriverEntryPointByVersion"};
  }
  /// The codes of the driver's faults are those of the runtime.
  static gpu_outcome encode(map_encoder by, tensor_map* to, const tensor_shape& of) {
    cuuint64_t extent[4], stride[4];
    for (int axis = 0; axis < 4; ++axis) extent[axis] = of.extent[axis], stride[axis] = of.stride[axis];
    const cuuint32_t steps[] = {1, 1, 1, 1};
    const auto bits = of.element_bytes == 1 ? CU_TENSOR_MAP_DATA_TYPE_UINT8 : of.element_bytes == 2 ? CU_TENSOR_MAP_DATA_TYPE_UINT16 : CU_TENSOR_MAP_DATA_TYPE_UINT32;
    CUtensorMap map;
    static_assert(sizeof map == sizeof *to);
    const CUresult code = by(&map, bits, static_cast<cuuint32_t>(of.axes), const_cast<void*>(of.first), extent, stride + 1, of.box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
                             CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    std::memcpy(to, &map, sizeof map);
    return {static_cast<int>(code), "cuTensorMapEncodeTiled"};
  }

  // Only this thread is kept from what a recording does not allow.
  static gpu_outcome begin_recording(stream s) { return {cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture"}; }
  static gpu_outcome end_recording(stream s, graph* to) { return {cudaStreamEndCapture(s, to), "cudaStreamEndCapture"}; }
  static gpu_outcome instantiate(ready_graph* to, graph from) { return {cudaGraphInstantiate(to, from, 0), "cudaGraphInstantiate"}; }
  static gpu_outcome update(ready_graph at, graph from, bool* taken) {
    cudaGraphExecUpdateResultInfo why{};
    const cudaError_t code = cudaGraphExecUpdate(at, from, &why);
    *taken = code == cudaSuccess;
    if (code != cudaErrorGraphExecUpdateFailure) return {code, "cudaGraphExecUpdate"};
    forget_error();  // no fault: another graph
    return {0, "cudaGraphExecUpdate"};
  }
  static gpu_outcome launch(ready_graph g, stream in) { return {cudaGraphLaunch(g, in), "cudaGraphLaunch"}; }
  static gpu_outcome destroy(graph g) { return {cudaGraphDestroy(g), "cudaGraphDestroy"}; }
  static gpu_outcome destroy(ready_graph g) { return {cudaGraphExecDestroy(g), "cudaGraphExecDestroy"}; }
};

/// An NVIDIA GPU: nvidia{0} is the first of this machine.
using nvidia = gpu_device<cuda_runtime>;

TENON_KERNELS_END
