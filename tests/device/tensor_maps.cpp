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

TEST_CASE("a shape that the driver refuses is refused in a sentence") {
  const auto gpu = machine();
  const tensor_shape right = operand_shape(numbers, 70, 200, 256, 128);
  const struct {
    const char* says;
    void (*change)(tensor_shape&);
  } changes[] = {{"begins within 16 bytes", [](tensor_shape& s) { s.first = reinterpret_cast<const char*>(s.first) + 8; }},
                 {"rows 8 bytes apart from 16", [](tensor_shape& s) { s.stride[1] += 8; }},
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
