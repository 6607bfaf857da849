// A cache of 8 bits on every machine, of either number, in heads of either width.
#define TENON_TEST_ARCHS tenon::sm80, tenon::sm90a, tenon::gfx90a, tenon::gfx942, tenon::gfx1100, tenon::gfx1201
#include "../cached_8bit_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("int8 and e4m3, heads of 64 and 128, groups of one and more") {
  check_cache_of<int8_per_128, 64, 3, 3>({{0, 1}, {299, 300}, {126, 130}, {1, 150}});
  check_cache_of<int8_per_128, 128>({{199, 200}, {150, 250}});
  check_cache_of<e4m3_per_128, 64>({{299, 300}, {126, 130}, {200, 250}});
  check_cache_of<e4m3_per_128, 128, 4, 1>({{199, 200}, {100, 190}});
}

}  // namespace
