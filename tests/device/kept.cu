// Caches of 8 bits on nvidia{0}, contiguous and in pages, of one query and of many: on a real GPU, else skipped; linked with fake_cuda.cpp instead of CUDA's
// runtime, executed as PTX on the processor.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <tenon/kernels/launch/nvidia/machine.hpp>

#include "../simulated/cached_8bit_case.hpp"

using device = tenon::nvidia;

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("the bytes of a processor, attention near the reference on what they stand for, and the same bits in pages") {
  with_arch(device{0}, [](const auto& machine) {
    check_cache_on<int8_per_128, 64>(machine, {{299, 300}, {200, 250}});
    check_cache_on<e4m3_per_128, 128, 4, 1>(machine, {{199, 200}, {100, 190}});
  });
}

}  // namespace

#include "device_main.hpp"
