// The leaves of attention: each instruction set computes what the scalar one does.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include <tenon/kernels/launch/cpu.hpp>

namespace tenon {
namespace {

template <class Leaf>
float exp2_of(float x) {
  alignas(64) float lanes[16];
  for (float& lane : lanes) lane = x;
  Leaf::store(lanes, Leaf::exp2(Leaf::load(lanes)));
  for (int i = 1; i < Leaf::lanes; ++i)
    if (lanes[i] != lanes[0] && !std::isnan(x)) return std::numeric_limits<float>::infinity();
  return lanes[Leaf::lanes - 1];
}

template <class Leaf, class Number>
void widens() {
  std::vector<Number> pairs(2 * Leaf::lanes);
  for (int i = 0; i < 2 * Leaf::lanes; ++i) pairs[static_cast<std::size_t>(i)] = Number(static_cast<float>(i) * 0.37f - 3.0f);
  typename Leaf::vector first, second;
  Leaf::widen(pairs.data(), first, second);
  alignas(64) float lanes[2][16];
  Leaf::store(lanes[0], first);
  Leaf::store(lanes[1], second);
  for (int i = 0; i < 2 * Leaf::lanes; ++i) CHECK(lanes[i % 2][i / 2] == static_cast<float>(pairs[static_cast<std::size_t>(i)]));
}

// All 256 bytes; the NaNs of e4m3 left out, which no cache holds.
template <class Leaf>
void widens_bytes() {
  alignas(64) std::int8_t ints[16] = {};
  alignas(64) e4m3 floats[16] = {};
  alignas(64) float lanes[16];
  for (int first = 0; first < 256; first += Leaf::lanes) {
    for (int i = 0; i < Leaf::lanes; ++i) ints[i] = static_cast<std::int8_t>(first + i), floats[i] = e4m3::from_bits(static_cast<std::uint8_t>(first + i));
    Leaf::store(lanes, Leaf::widen(ints));
    for (int i = 0; i < Leaf::lanes; ++i) CHECK(lanes[i] == static_cast<float>(ints[i]));
    Leaf::store(lanes, Leaf::widen(floats));
    for (int i = 0; i < Leaf::lanes; ++i)
      if (!std::isnan(static_cast<float>(floats[i]))) CHECK(lanes[i] * Leaf::e4m3_step == static_cast<float>(floats[i]));
  }
}

template <class Leaf>
void check_leaf() {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (int i = -125993; i <= 8000; i += 7) {  // down to the normal numbers, up to what a lazy reference lets through
    const float x = static_cast<float>(i) * 1e-3f;
    const double want = std::exp2(static_cast<double>(x));
    REQUIRE(std::fabs(static_cast<double>(exp2_of<Leaf>(x)) - want) <= 1.3e-7 * want);
  }
  CHECK(exp2_of<Leaf>(0) == 1.0f);
  CHECK(exp2_of<Leaf>(-infinity) == 0.0f);
  CHECK(exp2_of<Leaf>(-1e30f) == 0.0f);
  CHECK(std::isnan(exp2_of<Leaf>(std::numeric_limits<float>::quiet_NaN())));

  alignas(64) float some[16];
  float sum = 0, most = -infinity;
  for (int i = 0; i < Leaf::lanes; ++i) {
    some[i] = static_cast<float>((i * 5) % 16) - 7;
    sum += some[i];
    most = some[i] > most ? some[i] : most;
  }
  CHECK(Leaf::sum_of(Leaf::load(some)) == sum);
  CHECK(Leaf::highest_of(Leaf::load(some)) == most);
  widens<Leaf, bf16>();
  widens<Leaf, f16>();
  widens_bytes<Leaf>();
}

}  // namespace

TEST_CASE("plain C++") { check_leaf<atoms::scalar_attention_leaf>(); }
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
TEST_CASE("AVX2") { check_leaf<atoms::avx2_attention_leaf>(); }
#endif
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
TEST_CASE("AVX-512") { check_leaf<atoms::avx512_attention_leaf>(); }
#endif
#if defined(__ARM_NEON) && defined(__aarch64__)
TEST_CASE("NEON") { check_leaf<atoms::neon_attention_leaf>(); }
#endif

}  // namespace tenon
