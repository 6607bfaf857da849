// The entry points of CUDA's runtime that tenon calls, over GPUs that are not there (fake_gpus.hpp).
#include <cuda.h>
#include <cuda_runtime_api.h>

#include "fake_gpus.hpp"
#include "fake_tensor_map.hpp"

namespace fake = tenon_test::fake;

namespace {
cudaError_t as(int code) { return static_cast<cudaError_t>(code); }
fake::graph* of(cudaGraph_t g) { return reinterpret_cast<fake::graph*>(g); }
fake::graph* of(cudaGraphExec_t g) { return reinterpret_cast<fake::graph*>(g); }

// What is found by its name in the driver.
CUresult encode_tiled(CUtensorMap* to, CUtensorMapDataType type, cuuint32_t axes, void* first, const cuuint64_t* extent, const cuuint64_t* stride, const cuuint32_t* box, const cuuint32_t* steps,
                      CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle, CUtensorMapL2promotion promotion, CUtensorMapFloatOOBfill fill) {
  if (const int code = fake::begin("cuTensorMapEncodeTiled", true)) return static_cast<CUresult>(code);
  const unsigned bytes = type == CU_TENSOR_MAP_DATA_TYPE_UINT8 ? 1 : type == CU_TENSOR_MAP_DATA_TYPE_UINT16 ? 2 : type == CU_TENSOR_MAP_DATA_TYPE_UINT32 ? 4 : 0;
  return static_cast<CUresult>(fake::encode(to, bytes, axes, first, extent, stride, box, steps, interleave, swizzle, promotion, fill));
}
}  // namespace

extern "C" {

const char* cudaGetErrorString(cudaError_t code) { return fake::text(code); }
cudaError_t cudaGetLastError() { return as(fake::forget()); }
cudaError_t cudaGetDeviceCount(int* to) { return as(fake::count(__func__, to)); }
cudaError_t cudaSetDevice(int device) { return as(fake::use(__func__, device)); }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* to, int device) {
  if (const int code = fake::begin(__func__, true)) return as(code);
  const fake::gpu& one = fake::now().gpus[static_cast<std::size_t>(device)];
  *to = {};
  std::strncpy(to->name, one.name.c_str(), sizeof to->name - 1);
  to->major = one.number / 10, to->minor = one.number % 10;
  to->multiProcessorCount = 108, to->regsPerMultiprocessor = 65536, to->warpSize = 32;
  to->sharedMemPerMultiprocessor = one.block_bytes() + 1024, to->sharedMemPerBlockOptin = one.block_bytes(), to->totalGlobalMem = one.memory, to->memoryBusWidth = 5120;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* to, cudaDeviceAttr which, int device) {
  if (const int code = fake::begin(__func__, true)) return as(code);
  switch (which) {
    case cudaDevAttrClockRate: *to = 1410000; return cudaSuccess;
    case cudaDevAttrMemoryClockRate: *to = 1215000; return cudaSuccess;
    case cudaDevAttrConcurrentManagedAccess: *to = fake::now().gpus[static_cast<std::size_t>(device)].shares_memory ? 1 : 0; return cudaSuccess;
    default: return as(fake::fault(fake::invalid_value));
  }
}

cudaError_t cudaMalloc(void** to, std::size_t bytes) { return as(fake::allocate(__func__, to, bytes, 'd')); }
cudaError_t cudaMallocManaged(void** to, std::size_t bytes, unsigned) { return as(fake::allocate(__func__, to, bytes, 'u')); }
cudaError_t cudaHostAlloc(void** to, std::size_t bytes, unsigned) { return as(fake::allocate(__func__, to, bytes, 'p')); }
cudaError_t cudaFree(void* at) { return as(fake::release(__func__, at, false)); }
cudaError_t cudaFreeHost(void* at) { return as(fake::release(__func__, at, true)); }
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t in) { return as(fake::copy(__func__, to, from, bytes, in)); }
cudaError_t cudaMemsetAsync(void* to, int byte, std::size_t bytes, cudaStream_t in) { return as(fake::fill(__func__, to, byte, bytes, in)); }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* to, unsigned) { return as(fake::create(__func__, reinterpret_cast<fake::stream**>(to), fake::now().streams)); }
cudaError_t cudaStreamDestroy(cudaStream_t s) { return as(fake::destroy(__func__, reinterpret_cast<fake::stream*>(s), fake::now().streams)); }
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  if (const int code = fake::begin(__func__)) return as(code);
  return as(fake::wait_for_all());
}
cudaError_t cudaStreamWaitEvent(cudaStream_t in, cudaEvent_t, unsigned) {
  if (const int code = fake::begin(__func__, true)) return as(code);
  return as(fake::enqueue(in, "wait", [] { return 0; }));
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* to, unsigned) { return as(fake::create(__func__, reinterpret_cast<fake::event**>(to), fake::now().events)); }
cudaError_t cudaEventDestroy(cudaEvent_t e) { return as(fake::destroy(__func__, reinterpret_cast<fake::event*>(e), fake::now().events)); }
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t in) {
  if (const int code = fake::begin(__func__, true)) return as(code);
  auto* one = reinterpret_cast<fake::event*>(e);
  if (one->device != fake::current()) return as(fake::fault(fake::invalid_handle));
  return as(fake::enqueue(in, "mark", [one] { return one->at = fake::now().clock, 0; }));
}
cudaError_t cudaEventSynchronize(cudaEvent_t) {
  if (const int code = fake::begin(__func__)) return as(code);
  return as(fake::wait_for_all());
}
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t from, cudaEvent_t to) {
  if (const int code = fake::begin(__func__)) return as(code);
  const long a = reinterpret_cast<fake::event*>(from)->at, b = reinterpret_cast<fake::event*>(to)->at;
  if (a < 0 || b < 0) return as(fake::fault(fake::invalid_handle));
  *ms = static_cast<float>(b - a);
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute, int value) {
  if (const int code = fake::begin(__func__, true)) return as(code);
  if (static_cast<std::size_t>(value) > fake::now().gpus[static_cast<std::size_t>(fake::current())].block_bytes()) return as(fake::fault(fake::invalid_value));
  fake::now().shared_allowed[function] = static_cast<std::size_t>(value);
  return cudaSuccess;
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* to, const void* function) {
  if (const int code = fake::begin(__func__, true)) return as(code);
  const auto found = fake::kernels().find(function);
  *to = {};
  to->maxThreadsPerBlock = found == fake::kernels().end() ? 0 : found->second.most_threads();
  return as(to->maxThreadsPerBlock == 0 ? fake::fault(fake::no_kernel_image) : fake::fine);
}
cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments, std::size_t shared_bytes, cudaStream_t in) {
  return as(fake::launch(__func__, function, {grid.x, grid.y, grid.z, block.x, block.y, block.z}, arguments, shared_bytes, in));
}

cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** to, unsigned version, unsigned long long, cudaDriverEntryPointQueryResult* found) {
  *to = nullptr;
  if (const int code = fake::begin(__func__, true)) return as(code);
  if (std::string(name) != "cuTensorMapEncodeTiled" || version < 12000) return *found = cudaDriverEntryPointSymbolNotFound, cudaSuccess;
  if (fake::now().driver < version) return *found = cudaDriverEntryPointVersionNotSufficent, cudaSuccess;
  *to = reinterpret_cast<void*>(&encode_tiled);
  return *found = cudaDriverEntryPointSuccess, cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t in, cudaStreamCaptureMode) { return as(fake::begin_recording(__func__, in)); }
cudaError_t cudaStreamEndCapture(cudaStream_t in, cudaGraph_t* to) { return as(fake::end_recording(__func__, in, reinterpret_cast<fake::graph**>(to))); }
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* to, cudaGraph_t from, unsigned long long) {
  return as(fake::instantiate(__func__, reinterpret_cast<fake::graph**>(to), of(from)));
}
cudaError_t cudaGraphExecUpdate(cudaGraphExec_t at, cudaGraph_t from, cudaGraphExecUpdateResultInfo*) { return as(fake::update(__func__, of(at), of(from))); }
cudaError_t cudaGraphLaunch(cudaGraphExec_t what, cudaStream_t in) { return as(fake::replay(__func__, of(what), in)); }
cudaError_t cudaGraphDestroy(cudaGraph_t g) { return as(fake::destroy(__func__, of(g), fake::now().graphs)); }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t g) { return as(fake::destroy(__func__, of(g), fake::now().ready)); }

}  // extern "C"
