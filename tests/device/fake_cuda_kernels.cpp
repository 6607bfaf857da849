// What nvcc's code asks of CUDA's runtime before main: kernels are registered, and a launch of fake_cuda.cpp finds them. Their PTX lies in the
// program itself (nvcc --no-compress); TENON_PTXRUN's executor runs it, so that the very object which a GPU would be given is executed.
// TENON_FAKE_COPIES=early: asynchronous copies land at once and warps take turns at random; else as late as they may, and in order.
#include <cstdio>

#include <ptxrun.hpp>

#include "fake_gpus.hpp"

namespace fake = tenon_test::fake;

namespace {

// NVIDIA's container of code for several architectures, as far as uncompressed PTX goes.
struct wrapper {
  int magic, version;
  const unsigned char* data;
  void* more;
};
struct container {
  std::uint32_t magic;
  std::uint16_t version, header_bytes;
  std::uint64_t bytes;
};
struct entry {
  std::uint16_t kind, attributes;
  std::uint32_t header_bytes;
  std::uint64_t bytes;
};
constexpr int ptx_kind = 1;

std::string ptx_of(const wrapper& from) {
  container whole;
  std::memcpy(&whole, from.data, sizeof whole);
  const unsigned char *at = from.data + whole.header_bytes, *end = at + whole.bytes;
  while (at < end) {
    entry one;
    std::memcpy(&one, at, sizeof one);
    if (one.kind == ptx_kind) return reinterpret_cast<const char*>(at + one.header_bytes);
    at += one.header_bytes + one.bytes;
  }
  return {};
}

// A module is read when a kernel of it is first launched.
struct module {
  std::string text;
  std::unique_ptr<ptx::Module> read;
  ptx::Module& get() {
    if (read == nullptr) read = std::make_unique<ptx::Module>(ptx::load(text));
    return *read;
  }
};

// What a kernel may touch: what this runtime gave out.
struct registered {
  registered() {
    for (const auto& [at, what] : fake::now().memory) ptx::Memory::global().add(reinterpret_cast<void*>(at), what.bytes, std::string("memory of kind ") + what.kind);
  }
  ~registered() {
    for (const auto& [at, _] : fake::now().memory) ptx::Memory::global().remove(reinterpret_cast<void*>(at));
  }
};

bool early() {
  const char* asked = std::getenv("TENON_FAKE_COPIES");
  return asked != nullptr && std::strcmp(asked, "early") == 0;
}

// The one parameter of a kernel, in bytes: `.param .align 8 .b8 NAME_param_0[136]`, or a number.
std::size_t parameter_bytes(const std::string& text, const std::string& name) {
  const std::string parameter = name + "_param_0";
  const auto at = text.find(parameter);
  if (at == text.npos) return 0;
  return text[at + parameter.size()] == '[' ? std::stoul(text.substr(at + parameter.size() + 1)) : 8;
}

}  // namespace

extern "C" {

void** __cudaRegisterFatBinary(void* from) {
  auto* one = new module{ptx_of(*static_cast<const wrapper*>(from)), nullptr};
  return reinterpret_cast<void**>(one);
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void** at) { delete reinterpret_cast<module*>(at); }
char __cudaInitModule(void**) { return 1; }
void __cudaRegisterFunction(void** at, const char* function, char*, const char* name, int, void*, void*, void*, void*, int*) {
  auto* const from = reinterpret_cast<module*>(at);
  const std::string called = name;
  fake::kernels()[function] = {called, parameter_bytes(from->text, called), [from, called](const void* argument, const std::vector<unsigned>& size, std::size_t shared_bytes) {
                                 const registered memory;
                                 ptx::Args arguments;
                                 arguments.bytes(argument, parameter_bytes(from->text, called));
                                 ptx::Options options;
                                 if (early()) options.async = ptx::Async::Eager, options.schedule = ptx::Schedule::Random;
                                 const ptx::Report report = from->get().launch(called, {size[0], size[1], size[2]}, {size[3], size[4], size[5]}, arguments, static_cast<std::uint32_t>(shared_bytes), options);
                                 if (report.clean()) return int{fake::fine};
                                 std::fputs(report.text().c_str(), stderr);
                                 return int{fake::illegal_address};
                               }};
}
// What a launch by <<<>>> would use; tenon has none.
int __cudaPopCallConfiguration(void*, void*, std::size_t*, void*) { return fake::invalid_value; }
int __cudaGetKernel(void**, const void*) { return fake::invalid_value; }
int __cudaLaunchKernel(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void**, std::size_t, void*) { return fake::invalid_value; }

}  // extern "C"
