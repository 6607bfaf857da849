#pragma once
// GPUs that are not there, for the tests of what stands between a kernel and a GPU: the memory, streams, events and graphs of CUDA's and
// HIP's runtimes on the host, every call written down, any of them made to fail. fake_cuda.cpp and fake_hip.cpp give these the vendors'
// names; a program that links one of them instead of the vendor's library runs the very code that would run on a GPU.
//
// As on a GPU: memory arrives full of garbage, that of a device is out of the host's reach (under the address sanitizer), arguments are
// copied at the launch, and a recorded launch does nothing until it is replayed. Codes are those that both vendors share.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define TENON_REACH(allowed, at, bytes) ((allowed) ? __asan_unpoison_memory_region(at, bytes) : __asan_poison_memory_region(at, bytes))
#else
#define TENON_REACH(allowed, at, bytes) (static_cast<void>(at), static_cast<void>(bytes))
#endif

namespace tenon_test::fake {

enum code { fine = 0, invalid_value = 1, no_memory = 2, insufficient_driver = 35, newer_driver = 36, no_device = 100, invalid_device = 101, no_kernel_image = 209,
            invalid_handle = 400, not_ready = 600, illegal_address = 700, capture_unsupported = 900, capture_broken = 901, other_graph = 910 };

struct gpu {
  std::string name;
  int number;  // 86, 0x942
  std::size_t memory = std::size_t{64} << 20;
  bool shares_memory = true;  // with the host, while its kernels run
  std::size_t block_bytes() const {  ///< of shared memory, NVIDIA's
    return std::size_t{1024} * (number == 75 ? 64 : number == 86 || number == 89 || number >= 120 ? 99 : number >= 90 ? 227 : 163);
  }
};

/// A kernel: how many bytes its one argument has, and what runs it.
struct kernel {
  std::string name;
  std::size_t argument_bytes;
  std::function<int(const void* argument, const std::vector<unsigned>& grid_and_block, std::size_t shared_bytes)> run;
  std::function<int()> most_threads = [] { return 1024; };  ///< of a block on the current device; 0: there is no code for it
};
struct launch_record {
  const void* kernel;
  int device;
  const void* stream;
  std::vector<unsigned> grid_and_block;
  std::size_t shared_bytes;
};
struct operation {
  std::string kind;  // by which graphs are alike
  std::function<int()> run;
};
struct stream {
  int device;
  bool recording = false, broken = false;
  std::vector<operation> recorded;
};
struct event {
  int device;
  long at = -1;
};
using graph = std::vector<operation>;

struct block {
  std::size_t bytes;
  int device;
  char kind;  // device, pinned, unified
};

/// All of it. One for the process; tests begin with reset().
struct world {
  std::vector<gpu> gpus{{"Fake 8.0", 80}};
  int count_code = fine;              ///< what asking for devices answers
  unsigned driver = 13000;            ///< the version of the driver, as CUDA counts
  std::vector<std::string> calls;     ///< in order: "cudaMalloc@0"
  std::vector<launch_record> launches;
  std::map<std::uintptr_t, block> memory;
  std::set<stream*> streams;
  std::set<event*> events;
  std::set<graph*> graphs, ready;
  std::map<const void*, std::size_t> shared_allowed;
  std::map<std::string, std::pair<int, int>> failing;  ///< call: how many more succeed, and the code then
  int last_error = fine, ill = fine;                   ///< ill: what a kernel did wrong, reported by calls that wait
  long clock = 0;

  /// The next call of that name but `after` fails, once.
  void fail(const std::string& call, int with, int after = 0) { failing[call] = {after, with}; }
  int times(const std::string& call) const {
    int out = 0;
    for (const std::string& one : calls) out += one.substr(0, one.find('@')) == call;
    return out;
  }
  bool nothing_left() const { return memory.empty() && streams.empty() && events.empty() && graphs.empty() && ready.empty(); }
};
inline world& now() {
  static world all;
  return all;
}
inline std::map<const void*, kernel>& kernels() {
  static std::map<const void*, kernel> all;
  return all;
}
/// What was asked of the thread: as each has a device of its own.
inline int& current() {
  static thread_local int device = 0;
  return device;
}
inline void reset(std::vector<gpu> gpus) {
  now() = world{};
  now().gpus = std::move(gpus);
  current() = 0;
}

inline int fault(int code) { return now().last_error = code; }

// Memory of devices, within reach while this lives.
struct reach {
  explicit reach(bool all) : all_(all) { set(true); }
  ~reach() { set(false); }
  void set([[maybe_unused]] bool allowed) const {
    for (const auto& [at, what] : now().memory)
      if (all_ && what.kind == 'd') TENON_REACH(allowed, reinterpret_cast<void*>(at), what.bytes);
  }
  bool all_;
};

inline stream* recorder_of_thread() {
  for (stream* s : now().streams)
    if (s->recording) return s;
  return nullptr;
}

/// Writes a call down; what it must answer with, where that is not success.
inline int begin(const char* call, bool allowed_in_recording = false) {
  world& w = now();
  w.calls.push_back(std::string(call) + "@" + std::to_string(current()));
  if (const auto found = w.failing.find(call); found != w.failing.end() && found->second.first-- == 0) {
    const int with = found->second.second;
    w.failing.erase(found);
    return fault(with);
  }
  if (stream* s = recorder_of_thread(); s != nullptr && !allowed_in_recording) {
    s->broken = true;
    return fault(capture_unsupported);
  }
  return fine;
}

inline block* block_of(const void* at, std::size_t bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(at);
  auto after = now().memory.upper_bound(address);
  if (after == now().memory.begin()) return nullptr;
  --after;
  return address - after->first + bytes <= after->second.bytes ? &after->second : nullptr;
}

inline int allocate(const char* call, void** to, std::size_t bytes, char kind) {
  if (const int code = begin(call)) return code;
  std::size_t used = 0;
  for (const auto& [_, one] : now().memory) used += one.device == current() && one.kind != 'p' ? one.bytes : 0;
  if (kind != 'p' && (bytes > now().gpus[static_cast<std::size_t>(current())].memory || used + bytes > now().gpus[static_cast<std::size_t>(current())].memory)) return fault(no_memory);
  void* const at = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(at, 0xcd, bytes);
  if (kind == 'd') TENON_REACH(false, at, bytes);
  now().memory[reinterpret_cast<std::uintptr_t>(at)] = {bytes, current(), kind};
  *to = at;
  return fine;
}
inline int release(const char* call, void* at, bool pinned) {
  if (const int code = begin(call)) return code;
  const auto found = now().memory.find(reinterpret_cast<std::uintptr_t>(at));
  if (found == now().memory.end() || (found->second.kind == 'p') != pinned) return fault(invalid_value);
  TENON_REACH(true, at, found->second.bytes);
  now().memory.erase(found);
  std::free(at);
  return fine;
}

/// Runs it now, or when the recording is replayed. A stream belongs to one device.
inline int enqueue(void* handle, std::string kind, std::function<int()> run) {
  auto* s = static_cast<stream*>(handle);
  if (s == nullptr) {
    if (stream* other = recorder_of_thread()) {
      other->broken = true;  // the default stream waits for the others
      return fault(capture_unsupported);
    }
    return fault(run());
  }
  if (now().streams.count(s) == 0 || s->device != current()) return fault(invalid_handle);
  if (!s->recording) return fault(run());
  s->recorded.push_back({std::move(kind), std::move(run)});
  return fine;
}
inline int copy(const char* call, void* to, const void* from, std::size_t bytes, void* in) {
  if (const int code = begin(call, true)) return code;
  return enqueue(in, "copy", [=] {
    const reach all(true);
    ++now().clock;
    std::memcpy(to, from, bytes);
    return fine;
  });
}
inline int fill(const char* call, void* to, int byte, std::size_t bytes, void* in) {
  if (const int code = begin(call, true)) return code;
  if (block_of(to, bytes) == nullptr) return fault(invalid_value);
  return enqueue(in, "fill", [=] {
    const reach all(true);
    ++now().clock;
    std::memset(to, byte, bytes);
    return fine;
  });
}

inline int launch(const char* call, const void* function, std::vector<unsigned> grid_and_block, void** arguments, std::size_t shared_bytes, void* in) {
  if (const int code = begin(call, true)) return code;
  const auto found = kernels().find(function);
  if (found == kernels().end()) return fault(no_kernel_image);
  if (shared_bytes > 48 * 1024 && now().shared_allowed[function] < shared_bytes) return fault(invalid_value);
  const auto* first = static_cast<const unsigned char*>(arguments[0]);
  std::vector<unsigned char> argument(first, first + found->second.argument_bytes);
  const launch_record record{function, current(), in, grid_and_block, shared_bytes};
  return enqueue(in, "launch of " + found->second.name, [record, argument = std::move(argument), &one = found->second] {
    const reach all(true);
    ++now().clock;
    now().launches.push_back(record);
    if (const int code = one.run(argument.data(), record.grid_and_block, record.shared_bytes)) now().ill = code;
    return fine;
  });
}

template <class T>
int create(const char* call, T** to, std::set<T*>& all) {
  if (const int code = begin(call)) return code;
  *to = new T{};
  all.insert(*to);
  (*to)->device = current();
  return fine;
}
template <class T>
int destroy(const char* call, T* at, std::set<T*>& all) {
  if (const int code = begin(call, true)) return code;
  if constexpr (requires { at->recording; })
    if (all.count(at) == 1 && at->recording) return fault(capture_unsupported);
  if (all.erase(at) == 0) return fault(invalid_handle);
  delete at;
  return fine;
}

inline int wait_for_all() {
  const int ill = now().ill;
  now().ill = fine;
  return ill == fine ? fine : fault(ill);
}

inline int begin_recording(const char* call, void* in) {
  if (const int code = begin(call)) return code;
  auto* s = static_cast<stream*>(in);
  if (s == nullptr || now().streams.count(s) == 0) return fault(capture_unsupported);
  s->recording = true, s->broken = false;
  s->recorded.clear();
  return fine;
}
inline int end_recording(const char* call, void* in, graph** to) {
  auto* s = static_cast<stream*>(in);
  *to = nullptr;
  const int code = begin(call, true);
  s->recording = false;
  if (code != fine) return code;
  if (s->broken) return fault(capture_broken);
  *to = new graph(std::move(s->recorded));
  now().graphs.insert(*to);
  return fine;
}
inline int instantiate(const char* call, graph** to, graph* from) {
  if (const int code = begin(call)) return code;
  *to = new graph(*from);
  now().ready.insert(*to);
  return fine;
}
inline int update(const char* call, graph* at, graph* from) {
  if (const int code = begin(call)) return code;
  bool alike = at->size() == from->size();
  for (std::size_t i = 0; alike && i < at->size(); ++i) alike = (*at)[i].kind == (*from)[i].kind;
  if (!alike) return fault(other_graph);
  *at = *from;
  return fine;
}
inline int replay(const char* call, graph* what, void* in) {
  if (const int code = begin(call, true)) return code;
  return enqueue(in, "graph", [what] {
    for (const operation& one : *what)
      if (const int code = one.run()) return code;
    return static_cast<int>(fine);
  });
}

inline const char* text(int code) {
  switch (code) {
    case fine: return "no error";
    case no_memory: return "out of memory";
    case insufficient_driver: return "driver version is insufficient for runtime version";
    case newer_driver: return "API call is not supported in the installed driver";
    case no_device: return "no capable device is detected";
    case invalid_value: return "invalid argument";
    case invalid_device: return "invalid device ordinal";
    case no_kernel_image: return "no kernel image is available for execution on the device";
    case illegal_address: return "an illegal memory access was encountered";
    case capture_unsupported: return "operation not permitted when stream is capturing";
    case capture_broken: return "operation failed due to a previous error during capture";
    default: return "some error";
  }
}

/// count and use, as both vendors have them.
inline int count(const char* call, int* to) {
  if (const int code = begin(call, true)) return code;
  *to = now().count_code == fine ? static_cast<int>(now().gpus.size()) : 0;
  return now().count_code == fine ? fine : fault(now().count_code);
}
inline int use(const char* call, int device) {
  if (const int code = begin(call, true)) return code;
  if (device < 0 || device >= static_cast<int>(now().gpus.size())) return fault(invalid_device);
  current() = device;
  return fine;
}
inline int forget() { return std::exchange(now().last_error, fine); }

}  // namespace tenon_test::fake
