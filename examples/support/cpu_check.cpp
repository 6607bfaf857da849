// Compiled for the plainest processor of the family and run before anything else of the program: a program built on another
// machine ends with a sentence, and not with an illegal instruction.
#include "instructions.hpp"

#include <cstdlib>
#include <unistd.h>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace {

void say(const char* text) {
  const char* end = text;
  while (*end != '\0') ++end;
  if (::write(2, text, static_cast<unsigned long>(end - text)) < 0) std::_Exit(1);
}

void require(bool needed, bool there, const char* name) {
  if (!needed || there) return;
  say("This program was built for a processor with ");
  say(name);
  say(", which this one lacks. Fix: build it on this machine.\n");
  std::_Exit(1);
}

// 101 is the first priority that programs may use: before every other constructor of this one.
__attribute__((constructor(101))) void check_processor() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  require(built_for.sse4_2, __builtin_cpu_supports("sse4.2"), "SSE 4.2");
  require(built_for.popcnt, __builtin_cpu_supports("popcnt"), "POPCNT");
  require(built_for.avx, __builtin_cpu_supports("avx"), "AVX");
  require(built_for.f16c, __builtin_cpu_supports("f16c"), "F16C");
  require(built_for.fma, __builtin_cpu_supports("fma"), "FMA");
  require(built_for.avx2, __builtin_cpu_supports("avx2"), "AVX2");
  require(built_for.bmi, __builtin_cpu_supports("bmi"), "BMI");
  require(built_for.bmi2, __builtin_cpu_supports("bmi2"), "BMI2");
  require(built_for.lzcnt, __builtin_cpu_supports("lzcnt"), "LZCNT");
  require(built_for.movbe, __builtin_cpu_supports("movbe"), "MOVBE");
  require(built_for.avx512f, __builtin_cpu_supports("avx512f"), "AVX-512 F");
  require(built_for.avx512cd, __builtin_cpu_supports("avx512cd"), "AVX-512 CD");
  require(built_for.avx512bw, __builtin_cpu_supports("avx512bw"), "AVX-512 BW");
  require(built_for.avx512dq, __builtin_cpu_supports("avx512dq"), "AVX-512 DQ");
  require(built_for.avx512vl, __builtin_cpu_supports("avx512vl"), "AVX-512 VL");
  require(built_for.avx512vnni, __builtin_cpu_supports("avx512vnni"), "AVX-512 VNNI");
  require(built_for.avx512bf16, __builtin_cpu_supports("avx512bf16"), "AVX-512 BF16");
  require(built_for.avx512vbmi, __builtin_cpu_supports("avx512vbmi"), "AVX-512 VBMI");
  require(built_for.avx512vbmi2, __builtin_cpu_supports("avx512vbmi2"), "AVX-512 VBMI2");
  require(built_for.avx512fp16, __builtin_cpu_supports("avx512fp16"), "AVX-512 FP16");
  require(built_for.avxvnni, __builtin_cpu_supports("avxvnni"), "AVX-VNNI");
  require(built_for.amx_tile, __builtin_cpu_supports("amx-tile"), "AMX");
  require(built_for.amx_int8, __builtin_cpu_supports("amx-int8"), "AMX INT8");
  require(built_for.amx_bf16, __builtin_cpu_supports("amx-bf16"), "AMX BF16");
#elif defined(__aarch64__)
  require(built_for.dotprod, (::getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0, "the dot product instructions");
#endif
}

}  // namespace
