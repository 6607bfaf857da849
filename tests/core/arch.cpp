// What a program says on a processor that lacks its instructions: with made-up sets of instructions.

#include <doctest/doctest.h>

#include <string>

#include <tenon/core/arch.hpp>

namespace {

using namespace tenon;
using enum tenon::instruction;

constexpr instructions set(auto... each) {
  instructions out;
  ((out = out | each), ...);
  return out;
}
constexpr instructions haswell = set(sse4_2, popcnt, avx, f16c, fma, avx2, bmi, bmi2, lzcnt, movbe);

TEST_CASE("nothing missing: nothing said") {
  CHECK(missing_instructions(haswell, haswell).empty());
  CHECK(missing_instructions({}, {}).empty());
  CHECK(missing_instructions({}, haswell).empty());
  CHECK(missing_instructions(haswell, haswell | avx512f).empty());
}

TEST_CASE("one sentence names what is missing and what to build instead") {
  CHECK(std::string(missing_instructions(haswell | avx512f | avx512vnni, haswell).text) ==
        "This program was built for a processor with AVX-512 F, AVX-512 VNNI, which this one lacks. Fix: build it on this machine, or with -march=x86-64-v3.\n");
  CHECK(std::string(missing_instructions(haswell, set(sse4_2, popcnt, avx)).text) ==
        "This program was built for a processor with F16C, FMA, AVX2, BMI, BMI2, LZCNT, MOVBE, which this one lacks. "
        "Fix: build it on this machine, or with -march=x86-64-v2.\n");
  CHECK(std::string(missing_instructions(set(sse4_2), {}).text) ==
        "This program was built for a processor with SSE 4.2, which this one lacks. Fix: build it on this machine, or with -march=x86-64.\n");
  CHECK(std::string(missing_instructions(set(dotprod), {}).text) ==
        "This program was built for a processor with the dot product instructions, which this one lacks. Fix: build it on this machine, or with -march=armv8-a.\n");
}

TEST_CASE("the longest sentence fits") {
  const std::string text = missing_instructions({.bits = (2u << static_cast<int>(dotprod)) - 1}, {}).text;
  CHECK(text.substr(text.size() - 2) == ".\n");
}

TEST_CASE("this test runs: its processor has what it was compiled for, and the guard lets it pass") {
  CHECK(missing_instructions(compiled_for(), processor_instructions()).empty());
  const instructions built_for = compiled_for();
  const instruction_guard guard(built_for);
  static_cast<void>(guard);
}

// Sets are sets.
static_assert(haswell.has(avx2) && !haswell.has(avx512f) && (haswell | avx512f).without(haswell).has(avx512f) && haswell.without(haswell).bits == 0);

}  // namespace
