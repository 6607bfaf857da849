// What nvcc's code asks of CUDA's runtime before main: kernels are registered, and a launch of fake_cuda.cpp finds them. Their PTX lies in the
// program itself (nvcc --no-compress); TENON_PTXRUN's executor runs it, so that the very object which a GPU would be given is executed.
// TENON_FAKE_GPU=90: the one GPU is of compute capability 9.0. TENON_FAKE_COPIES=early: asynchronous copies land at once and warps take turns at random; else as late as they may, and in order.
#include <cstdio>

#include <ptxrun.hpp>

#include "fake_gpus.hpp"
#include "fake_tensor_map.hpp"

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

// PTX for one GPU: `.target sm_80` runs on all that are not older, `.target sm_90a` on that one alone.
struct image {
  std::string text;
  int number;
  bool exact;
  std::unique_ptr<ptx::Module> read;
  explicit image(const char* ptx) : text(ptx) {
    const std::size_t at = text.find(".target sm_") + 11;
    std::size_t digits = 0;
    number = std::stoi(text.substr(at, 8), &digits);
    exact = text[at + digits] == 'a';
  }
  ptx::Module& get() {  // when a kernel of it is first launched
    if (read == nullptr) read = std::make_unique<ptx::Module>(ptx::load(text));
    return *read;
  }
};
struct module {
  std::vector<image> images;
  explicit module(const wrapper& from) {
    container whole;
    std::memcpy(&whole, from.data, sizeof whole);
    const unsigned char *at = from.data + whole.header_bytes, *end = at + whole.bytes;
    while (at < end) {
      entry one;
      std::memcpy(&one, at, sizeof one);
      if (one.kind == ptx_kind) images.emplace_back(reinterpret_cast<const char*>(at + one.header_bytes));
      at += one.header_bytes + one.bytes;
    }
  }
  /// The best for the current device, as a driver chooses; null: none.
  image* chosen() {
    const int device = fake::now().gpus[static_cast<std::size_t>(fake::current())].number;
    image* best = nullptr;
    for (image& one : images)
      if (one.exact ? one.number == device : one.number <= device)
        if (best == nullptr || one.number > best->number || (one.number == best->number && one.exact)) best = &one;
    return best;
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
// `.maxntid 320` behind the kernel's head.
int most_threads(const std::string& text, const std::string& name) {
  const auto at = text.find(".maxntid ", text.find(".entry " + name + "("));
  return at == text.npos ? 1024 : std::stoi(text.substr(at + 9));
}

// The executor's own maps in place of those that the driver encoded.
void decode_maps(std::vector<unsigned char>& argument) {
  for (std::size_t at = 0; at + sizeof(fake::tiled_map) <= argument.size(); at += 64) {
    fake::tiled_map map;
    if (!fake::decode(argument.data() + at, &map)) continue;
    const auto all = [&](const auto* from, std::uint32_t count) { return std::vector(from, from + count); };
    const std::vector<std::uint16_t> box = all(map.box, map.axes);
    const std::vector<std::uint32_t> extent = all(map.extent, map.axes);
    const ptx::TensorMap made = ptx::make_tensor_map(reinterpret_cast<const void*>(map.first), map.element_bytes, {extent.begin(), extent.end()}, all(map.stride, map.axes - 1),
                                                     {box.begin(), box.end()}, static_cast<ptx::Swizzle>(map.swizzle), map.nan_fill != 0);
    std::memcpy(argument.data() + at, &made, sizeof made);
  }
}

}  // namespace

extern "C" {

void** __cudaRegisterFatBinary(void* from) {
  if (const char* number = std::getenv("TENON_FAKE_GPU")) fake::now().gpus = {{std::string("Fake ") + number, std::atoi(number)}};
  return reinterpret_cast<void**>(new module(*static_cast<const wrapper*>(from)));
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void** at) { delete reinterpret_cast<module*>(at); }
char __cudaInitModule(void**) { return 1; }
void __cudaRegisterFunction(void** at, const char* function, char*, const char* name, int, void*, void*, void*, void*, int*) {
  auto* const from = reinterpret_cast<module*>(at);
  const std::string called = name;
  const std::size_t bytes = from->images.empty() ? 0 : parameter_bytes(from->images.front().text, called);
  const auto run = [from, called, bytes](const void* argument, const std::vector<unsigned>& size, std::size_t shared_bytes) {
    image* const best = from->chosen();
    if (best == nullptr) return int{fake::no_kernel_image};
    const registered memory;
    std::vector<unsigned char> all(static_cast<const unsigned char*>(argument), static_cast<const unsigned char*>(argument) + bytes);
    decode_maps(all);
    ptx::Args arguments;
    arguments.bytes(all.data(), bytes);
    ptx::Options options;
    if (early()) options.async = ptx::Async::Eager, options.schedule = ptx::Schedule::Random;
    const ptx::Report report = best->get().launch(called, {size[0], size[1], size[2]}, {size[3], size[4], size[5]}, arguments, static_cast<std::uint32_t>(shared_bytes), options);
    if (report.clean()) return int{fake::fine};
    std::fputs(report.text().c_str(), stderr);
    return int{fake::illegal_address};
  };
  const auto threads = [from, called] {
    const image* const best = from->chosen();
    return best == nullptr ? 0 : most_threads(best->text, called);
  };
  fake::kernels()[function] = {called, bytes, run, threads};
}
// What a launch by <<<>>> would use; tenon has none.
int __cudaPopCallConfiguration(void*, void*, std::size_t*, void*) { return fake::invalid_value; }
int __cudaGetKernel(void**, const void*) { return fake::invalid_value; }
int __cudaLaunchKernel(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void**, std::size_t, void*) { return fake::invalid_value; }

}  // extern "C"
