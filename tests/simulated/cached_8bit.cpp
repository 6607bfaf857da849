// A cache of 8 bits on GPUs: what is appended has a processor's bytes, and attention over it is that over the numbers which these stand for, against the
// reference in double; bit for bit the same wherever the keys lie. Other numbers and machines: exhaustive/cached_8bit.cpp.
#define TENON_TEST_ARCHS tenon::sm80, tenon::sm90a, tenon::gfx942
#include "cached_8bit_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

// Every number times a scale is that product, rounded once.
template <class Number>
void check_numbers() {
  using leaf = simulated<sm80>::leaf;
  const auto same = [](std::uint32_t pair, std::uint32_t low, std::uint32_t high, float scale) {
    const auto want = [&](std::uint32_t byte) { return std::uint32_t{bf16(tenon_test::number_of<Number>(static_cast<std::uint8_t>(byte)) * scale).bits}; };
    return pair == (want(low) | want(high) << 16);
  };
  for (const float scale : {1.0f, 0.0123f, 3e-33f, 7.5e35f})
    for (std::uint32_t byte = 0; byte < 256; byte += 2) {
      const std::uint32_t other = 255 - byte;
      if constexpr (std::same_as<typename Number::storage, e4m3>)
        if (byte % 128 >= 126 || other % 128 == 127) continue;  // no number: append makes none
      std::uint32_t pairs[2];
      widen_four<leaf, Number>(byte | (byte + 1) << 8 | other << 16 | byte << 24, scale, pairs);
      CHECK((same(pairs[0], byte, byte + 1, scale) && same(pairs[1], other, byte, scale)));
    }
}
TEST_CASE("numbers of 8 bits become bf16") {
  check_numbers<int8_per_128>();
  check_numbers<e4m3_per_128>();
}

TEST_CASE("the bytes of a processor; one query, a few, many; contiguous and in pages") { check_cache_of<int8_per_128, 64>({{299, 300}, {126, 130}, {200, 250}}); }

}  // namespace
