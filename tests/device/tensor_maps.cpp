// Tensor maps of operands, encoded by CUDA's driver as fake_cuda.cpp plays it: what it is asked for, what it refuses, and what is said when it fails.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <tenon/kernels/launch/nvidia/attention_sm90a.hpp>
#include <tenon/kernels/launch/nvidia/matmul_sm90a.hpp>
#include <tenon/kernels/launch/nvidia/runtime.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>

#include "fake_tensor_map.hpp"

namespace fake = tenon_test::fake;

namespace {

using namespace tenon;
using doctest::Contains;

struct problem {
  using mask = causal;
  using score = scaled;
  using weighting = softmax;
  using out = bf16;
  [[maybe_unused]] static constexpr int dim = 128, group = 2;
};

using machine_type = gpu_machine<cuda_runtime, sm90a>;
machine_type machine() {
  fake::reset({{"Fake 9.0", 90}});
  return machine_type(nvidia{0});
}
alignas(128) bf16 numbers[8];

fake::tiled_map decoded(const tensor_map& map) {
  fake::tiled_map out;
  REQUIRE(fake::decode(&map, &out));
  return out;
}

TEST_CASE("the map of a cache: boxes of one head's keys, permuted, zeros where it ends") {
  const auto gpu = machine();
  attention_arguments<problem> call{};
  call.kv_heads = 4, call.cache_head = 1024 * 128, call.cache_batch = 4 * 1024 * 128;
  const fake::tiled_map map = decoded(gpu.encode(cache_shape(call, numbers, 3, 300, 96)));
  CHECK(map.first == reinterpret_cast<std::uintptr_t>(numbers));
  CHECK(map.axes == 4);
  CHECK(map.element_bytes == 2);
  CHECK(map.swizzle == CU_TENSOR_MAP_SWIZZLE_128B);
  CHECK(map.nan_fill == CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  CHECK(map.promotion == CU_TENSOR_MAP_L2_PROMOTION_L2_128B);
  CHECK(std::vector<std::uint32_t>(map.extent, map.extent + 4) == std::vector<std::uint32_t>{128, 300, 4, 3});
  CHECK(std::vector<std::uint64_t>(map.stride, map.stride + 3) == std::vector<std::uint64_t>{256, 1024 * 256, 4 * 1024 * 256});
  CHECK(std::vector<std::uint16_t>(map.box, map.box + 4) == std::vector<std::uint16_t>{64, 96, 1, 1});
  CHECK(fake::now().calls.back() == "cuTensorMapEncodeTiled@0");
}

TEST_CASE("the map of one head's cache, without strides, and of an empty one") {
  attention_arguments<problem> call{};
  call.kv_heads = 1;
  const fake::tiled_map map = decoded(machine().encode(cache_shape(call, numbers, 1, 0, 128)));
  CHECK(std::vector<std::uint32_t>(map.extent, map.extent + 4) == std::vector<std::uint32_t>{128, 1, 1, 1});
  CHECK(std::vector<std::uint64_t>(map.stride, map.stride + 3) == std::vector<std::uint64_t>{256, 256, 256});
}

TEST_CASE("the map of a matrix: rows further apart than they are long") {
  const fake::tiled_map map = decoded(machine().encode(operand_shape(numbers, 70, 200, 256, 128)));
  CHECK(map.axes == 2);
  CHECK(std::vector<std::uint32_t>(map.extent, map.extent + 2) == std::vector<std::uint32_t>{200, 70});
  CHECK(map.stride[0] == 512);
  CHECK(std::vector<std::uint16_t>(map.box, map.box + 2) == std::vector<std::uint16_t>{64, 128});
}

TEST_CASE("one head of sequences that lie further apart than keys are mapped: each stride a multiple of the one before") {
  attention_arguments<problem> call{};
  call.kv_heads = 1, call.cache_head = call.cache_batch = 1000 * 128;
  const fake::tiled_map map = decoded(machine().encode(cache_shape(call, numbers, 3, 512, 128)));
  CHECK(std::vector<std::uint64_t>(map.stride, map.stride + 3) == std::vector<std::uint64_t>{256, 256000, 256000});
}

TEST_CASE("the driver refuses what its documentation forbids") {
  struct call {  // [4][5][6][96] of bf16 with a gap behind each row
    alignas(64) unsigned char map[192];
    unsigned bytes = 2, axes = 4;
    const void* first = numbers;
    std::uint64_t extent[6] = {96, 6, 5, 4, 1, 1}, stride[5] = {256, 2048, 10240, 10240, 10240};
    std::uint32_t box[6] = {64, 4, 1, 1, 1, 1}, steps[6] = {1, 1, 1, 1, 1, 1};
    int swizzle = 3;
    std::size_t at = 0;
    int encode() { return fake::encode(map + at, bytes, axes, first, extent, stride, box, steps, 0, swizzle, 0, 0); }
  };
  REQUIRE(call{}.encode() == fake::fine);
  const struct {
    const char* says;
    void (*change)(call&);
  } changes[] = {{"a map that is not aligned to 64", [](call& c) { c.at = 32; }},
                 {"numbers of no bytes", [](call& c) { c.bytes = 0; }},
                 {"no axes", [](call& c) { c.axes = 0; }},
                 {"six axes", [](call& c) { c.axes = 6; }},
                 {"memory that is not aligned to 16", [](call& c) { c.first = reinterpret_cast<const char*>(numbers) + 8; }},
                 {"an extent of nothing", [](call& c) { c.extent[2] = 0; }},
                 {"an extent beyond 2^32", [](call& c) { c.extent[3] = (std::uint64_t{1} << 32) + 1; }},
                 {"a stride that is no multiple of 16", [](call& c) { c.stride[0] = 264; }},
                 {"a stride of 2^40", [](call& c) { c.stride[2] = std::uint64_t{1} << 40; }},
                 {"rows that overlap", [](call& c) { c.stride[0] = 176; }},
                 {"a stride below the one before it", [](call& c) { c.stride[2] = 1024; }},
                 {"a stride that is no multiple of the one before it", [](call& c) { c.stride[1] = 2064; }},
                 {"a box of nothing", [](call& c) { c.box[1] = 0; }},
                 {"a box of 257", [](call& c) { c.box[1] = 257; }},
                 {"a box whose rows are not whole 16 bytes", [](call& c) { c.box[0] = 60; }},
                 {"a box wider than its permutation of 128", [](call& c) { c.box[0] = 72; }},
                 {"one wider than that of 64", [](call& c) { c.swizzle = 2; }},
                 {"one wider than that of 32", [](call& c) { c.swizzle = 1, c.box[0] = 32; }},
                 {"no step", [](call& c) { c.steps[1] = 0; }},
                 {"a step of 9", [](call& c) { c.steps[1] = 9; }}};
  for (const auto& [says, change] : changes) {
    CAPTURE(std::string(says));
    call wrong;
    change(wrong);
    CHECK(wrong.encode() == fake::invalid_value);
  }
}

TEST_CASE("a shape that the driver refuses is refused in a sentence") {
  const auto gpu = machine();
  const tensor_shape right = operand_shape(numbers, 70, 200, 256, 128);
  const struct {
    const char* says;
    void (*change)(tensor_shape&);
  } changes[] = {{"begins within 16 bytes", [](tensor_shape& s) { s.first = reinterpret_cast<const char*>(s.first) + 8; }},
                 {"rows 8 bytes apart from 16", [](tensor_shape& s) { s.stride[1] += 8; }},
                 {"rows shorter apart than they are", [](tensor_shape& s) { s.stride[1] = 384; }},
                 {"no rows", [](tensor_shape& s) { s.extent[1] = 0; }},
                 {"a box of no rows", [](tensor_shape& s) { s.box[1] = 0; }},
                 {"a box of 257 rows", [](tensor_shape& s) { s.box[1] = 257; }},
                 {"rows of a box beyond the permutation", [](tensor_shape& s) { s.box[0] = 128; }}};
  for (const auto& [says, change] : changes) {
    CAPTURE(std::string(says));
    tensor_shape wrong = right;
    change(wrong);
    CHECK_THROWS_WITH_AS(gpu.encode(wrong), Contains("nvidia{0}: cuTensorMapEncodeTiled failed: invalid argument (code 1). Fix: "), error);
    CHECK(fake::now().last_error == fake::fine);
  }
}

TEST_CASE("whichever call fails, one sentence names it, with the device's own text") {
  for (const char* call : {"cudaSetDevice", "cudaGetDriverEntryPointByVersion", "cuTensorMapEncodeTiled"}) {
    const auto gpu = machine();
    fake::now().fail(call, fake::illegal_address);
    const std::string want = std::string(call) + " failed: an illegal memory access was encountered (code 700). Fix: ";
    CHECK_THROWS_WITH_AS(gpu.encode(operand_shape(numbers, 70, 200, 256, 128)), Contains(want.c_str()), error);
    CHECK(fake::now().last_error == fake::fine);
    CHECK_NOTHROW(gpu.encode(operand_shape(numbers, 70, 200, 256, 128)));
  }
}

TEST_CASE("a driver without the encoder says so, though its call succeeds") {
  const auto gpu = machine();
  fake::now().driver = 11080;
  CHECK_THROWS_WITH_AS(gpu.encode(operand_shape(numbers, 70, 200, 256, 128)),
                       Contains("cudaGetDriverEntryPointByVersion failed: API call is not supported in the installed driver (code 36). Fix: install a driver of CUDA 12 or newer."), error);
  CHECK(fake::now().times("cuTensorMapEncodeTiled") == 0);
}

}  // namespace
