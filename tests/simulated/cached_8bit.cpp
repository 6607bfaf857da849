// A cache of 8 bits on GPUs: what is appended has a processor's bytes, and attention over it is that over the numbers which these stand for, against the
// reference in double; bit for bit the same wherever the keys lie. Other numbers and machines: exhaustive/cached_8bit.cpp.
#if !defined(TENON_TEST_ARCHS)
#define TENON_TEST_ARCHS tenon::sm80
#endif
#include "cached_8bit_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("the bytes of a processor; one query, a few, many; contiguous and in pages") {
  check_cache_of<int8_per_128, 64>({{299, 300}, {126, 130}, {200, 250}});
  check_cache_of<e4m3_per_128, 128>({{199, 200}});
}

}  // namespace
