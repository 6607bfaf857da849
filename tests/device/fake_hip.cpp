// The entry points of HIP's runtime that tenon calls, over GPUs that are not there (fake_gpus.hpp).
#include <cstdlib>  // before HIP's, which needs it and does not say so

#include <hip/hip_runtime_api.h>

#include "fake_gpus.hpp"

namespace fake = tenon_test::fake;

namespace {
hipError_t as(int code) { return static_cast<hipError_t>(code); }
fake::graph* of(hipGraph_t g) { return reinterpret_cast<fake::graph*>(g); }
fake::graph* of(hipGraphExec_t g) { return reinterpret_cast<fake::graph*>(g); }
}  // namespace

extern "C" {

const char* hipGetErrorString(hipError_t code) { return fake::text(code); }
hipError_t hipGetLastError() { return as(fake::forget()); }
hipError_t hipGetDeviceCount(int* to) { return as(fake::count(__func__, to)); }
hipError_t hipSetDevice(int device) { return as(fake::use(__func__, device)); }
hipError_t hipGetDeviceProperties(hipDeviceProp_t* to, int device) {
  if (const int code = fake::begin(__func__, true)) return as(code);
  const fake::gpu& one = fake::now().gpus[static_cast<std::size_t>(device)];
  *to = {};
  std::strncpy(to->name, one.name.c_str(), sizeof to->name - 1);
  std::snprintf(to->gcnArchName, sizeof to->gcnArchName, "gfx%x:sramecc+:xnack-", static_cast<unsigned>(one.number));
  to->multiProcessorCount = 304, to->regsPerBlock = 65536, to->warpSize = 64, to->clockRate = 2100000;
  to->maxSharedMemoryPerMultiProcessor = to->sharedMemPerBlock = 64 * 1024, to->totalGlobalMem = one.memory, to->memoryClockRate = 2600000, to->memoryBusWidth = 8192;
  return hipSuccess;
}

hipError_t hipMalloc(void** to, std::size_t bytes) { return as(fake::allocate(__func__, to, bytes, 'd')); }
hipError_t hipMallocManaged(void** to, std::size_t bytes, unsigned) { return as(fake::allocate(__func__, to, bytes, 'u')); }
hipError_t hipHostMalloc(void** to, std::size_t bytes, unsigned) { return as(fake::allocate(__func__, to, bytes, 'p')); }
hipError_t hipFree(void* at) { return as(fake::release(__func__, at, false)); }
hipError_t hipHostFree(void* at) { return as(fake::release(__func__, at, true)); }
hipError_t hipMemcpyAsync(void* to, const void* from, std::size_t bytes, hipMemcpyKind, hipStream_t in) { return as(fake::copy(__func__, to, from, bytes, in)); }
hipError_t hipMemsetAsync(void* to, int byte, std::size_t bytes, hipStream_t in) { return as(fake::fill(__func__, to, byte, bytes, in)); }

hipError_t hipStreamCreateWithFlags(hipStream_t* to, unsigned) { return as(fake::create(__func__, reinterpret_cast<fake::stream**>(to), fake::now().streams)); }
hipError_t hipStreamDestroy(hipStream_t s) { return as(fake::destroy(__func__, reinterpret_cast<fake::stream*>(s), fake::now().streams)); }
hipError_t hipStreamSynchronize(hipStream_t) {
  if (const int code = fake::begin(__func__)) return as(code);
  return as(fake::wait_for_all());
}
hipError_t hipStreamWaitEvent(hipStream_t in, hipEvent_t, unsigned) {
  if (const int code = fake::begin(__func__, true)) return as(code);
  return as(fake::enqueue(in, "wait", [] { return 0; }));
}
hipError_t hipEventCreateWithFlags(hipEvent_t* to, unsigned) { return as(fake::create(__func__, reinterpret_cast<fake::event**>(to), fake::now().events)); }
hipError_t hipEventDestroy(hipEvent_t e) { return as(fake::destroy(__func__, reinterpret_cast<fake::event*>(e), fake::now().events)); }
hipError_t hipEventRecord(hipEvent_t e, hipStream_t in) {
  if (const int code = fake::begin(__func__, true)) return as(code);
  auto* one = reinterpret_cast<fake::event*>(e);
  if (one->device != fake::current()) return as(fake::fault(fake::invalid_handle));
  return as(fake::enqueue(in, "mark", [one] { return one->at = fake::now().clock, 0; }));
}
hipError_t hipEventSynchronize(hipEvent_t) {
  if (const int code = fake::begin(__func__)) return as(code);
  return as(fake::wait_for_all());
}
hipError_t hipEventElapsedTime(float* ms, hipEvent_t from, hipEvent_t to) {
  if (const int code = fake::begin(__func__)) return as(code);
  const long a = reinterpret_cast<fake::event*>(from)->at, b = reinterpret_cast<fake::event*>(to)->at;
  if (a < 0 || b < 0) return as(fake::fault(fake::invalid_handle));
  *ms = static_cast<float>(b - a);
  return hipSuccess;
}

hipError_t hipFuncSetAttribute(const void* function, hipFuncAttribute, int value) {
  if (const int code = fake::begin(__func__, true)) return as(code);
  if (value > 163 * 1024) return as(fake::fault(fake::invalid_value));
  fake::now().shared_allowed[function] = static_cast<std::size_t>(value);
  return hipSuccess;
}
hipError_t hipLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments, std::size_t shared_bytes, hipStream_t in) {
  return as(fake::launch(__func__, function, {grid.x, grid.y, grid.z, block.x, block.y, block.z}, arguments, shared_bytes, in));
}

hipError_t hipStreamBeginCapture(hipStream_t in, hipStreamCaptureMode) { return as(fake::begin_recording(__func__, in)); }
hipError_t hipStreamEndCapture(hipStream_t in, hipGraph_t* to) { return as(fake::end_recording(__func__, in, reinterpret_cast<fake::graph**>(to))); }
hipError_t hipGraphInstantiate(hipGraphExec_t* to, hipGraph_t from, hipGraphNode_t*, char*, std::size_t) {
  return as(fake::instantiate(__func__, reinterpret_cast<fake::graph**>(to), of(from)));
}
hipError_t hipGraphExecUpdate(hipGraphExec_t at, hipGraph_t from, hipGraphNode_t*, hipGraphExecUpdateResult*) { return as(fake::update(__func__, of(at), of(from))); }
hipError_t hipGraphLaunch(hipGraphExec_t what, hipStream_t in) { return as(fake::replay(__func__, of(what), in)); }
hipError_t hipGraphDestroy(hipGraph_t g) { return as(fake::destroy(__func__, of(g), fake::now().graphs)); }
hipError_t hipGraphExecDestroy(hipGraphExec_t g) { return as(fake::destroy(__func__, of(g), fake::now().ready)); }

}  // extern "C"
