#pragma once
// Which instructions a translation unit was compiled for, which ones the processor has, and the sentence that says what is
// missing: before any wider code runs. A program needs two small files (examples/support has them):
//
//   built_for.cpp, with the program's flags:      constinit const tenon::instructions built_for = tenon::compiled_for();
//   cpu_check.cpp, without -march:                extern const tenon::instructions built_for;
//                                                 [[gnu::init_priority(101)]] const tenon::instruction_guard guard(built_for);
//
// The guard is constructed before every other object of the program. Nothing here is a function that the linker could merge
// with a wider copy of another file: all of it is inlined or carries its instruction set in its name.

#include <cstdint>

#include <sys/auxv.h>
#include <unistd.h>

#include <tenon/core/config.hpp>

// One row per instruction set: its processors, name here, name to the compiler (x86) or bit of AT_HWCAP, those of AT_HWCAP2 being 32
// higher (Arm), macro of the compiler, prose.
// In the order in which processors came to have them.
#define TENON_INSTRUCTION_ROWS(row)                                                      \
  row(x86, sse4_2, "sse4.2", __SSE4_2__, "SSE 4.2")                                      \
  row(x86, popcnt, "popcnt", __POPCNT__, "POPCNT")                                       \
  row(x86, avx, "avx", __AVX__, "AVX")                                                   \
  row(x86, f16c, "f16c", __F16C__, "F16C")                                               \
  row(x86, fma, "fma", __FMA__, "FMA")                                                   \
  row(x86, avx2, "avx2", __AVX2__, "AVX2")                                               \
  row(x86, bmi, "bmi", __BMI__, "BMI")                                                   \
  row(x86, bmi2, "bmi2", __BMI2__, "BMI2")                                               \
  row(x86, lzcnt, "lzcnt", __LZCNT__, "LZCNT")                                           \
  row(x86, movbe, "movbe", __MOVBE__, "MOVBE")                                           \
  row(x86, avx512f, "avx512f", __AVX512F__, "AVX-512 F")                                 \
  row(x86, avx512cd, "avx512cd", __AVX512CD__, "AVX-512 CD")                             \
  row(x86, avx512bw, "avx512bw", __AVX512BW__, "AVX-512 BW")                             \
  row(x86, avx512dq, "avx512dq", __AVX512DQ__, "AVX-512 DQ")                             \
  row(x86, avx512vl, "avx512vl", __AVX512VL__, "AVX-512 VL")                             \
  row(x86, avx512vnni, "avx512vnni", __AVX512VNNI__, "AVX-512 VNNI")                     \
  row(x86, avx512vbmi, "avx512vbmi", __AVX512VBMI__, "AVX-512 VBMI")                     \
  row(x86, avx512vbmi2, "avx512vbmi2", __AVX512VBMI2__, "AVX-512 VBMI2")                 \
  row(x86, avx512ifma, "avx512ifma", __AVX512IFMA__, "AVX-512 IFMA")                     \
  row(x86, avx512bitalg, "avx512bitalg", __AVX512BITALG__, "AVX-512 BITALG")             \
  row(x86, avx512vpopcntdq, "avx512vpopcntdq", __AVX512VPOPCNTDQ__, "AVX-512 VPOPCNTDQ") \
  row(x86, gfni, "gfni", __GFNI__, "GFNI")                                               \
  row(x86, avx512bf16, "avx512bf16", __AVX512BF16__, "AVX-512 BF16")                     \
  row(x86, avx512fp16, "avx512fp16", __AVX512FP16__, "AVX-512 FP16")                     \
  row(x86, avxvnni, "avxvnni", __AVXVNNI__, "AVX-VNNI")                                  \
  row(x86, amx_tile, "amx-tile", __AMX_TILE__, "AMX")                                    \
  row(x86, amx_int8, "amx-int8", __AMX_INT8__, "AMX INT8")                               \
  row(x86, amx_bf16, "amx-bf16", __AMX_BF16__, "AMX BF16")                               \
  row(arm, dotprod, 1ul << 20, __ARM_FEATURE_DOTPROD, "the dot product instructions") \
  row(arm, i8mm, 1ul << (32 + 13), __ARM_FEATURE_MATMUL_INT8, "the int8 matrix instructions")

namespace tenon {

/// The instruction sets that a compiler may use without being asked, as its flags allow.
enum class instruction : std::uint8_t {
#define TENON_ROW(kind, name, known_as, macro, prose) name,
  TENON_INSTRUCTION_ROWS(TENON_ROW)
#undef TENON_ROW
};

/// A set of them. Data only: reading it runs nothing wide.
struct instructions {
  std::uint32_t bits = 0;

  TENON_INLINE constexpr bool has(instruction one) const { return (bits >> static_cast<int>(one) & 1) != 0; }
  /// Those of this set that `other` lacks.
  TENON_INLINE constexpr instructions without(instructions other) const { return {bits & ~other.bits}; }
  TENON_INLINE constexpr instructions operator|(instruction one) const { return {bits | std::uint32_t{1} << static_cast<int>(one)}; }
};

/// One sentence; empty where nothing is missing. It allocates nothing.
struct arch_sentence {
  char text[1024] = {};
  unsigned size = 0;

  TENON_INLINE constexpr bool empty() const { return size == 0; }
  TENON_INLINE constexpr void append(const char* more) {
    for (; *more != '\0' && size + 1 < sizeof text; ++more) text[size++] = *more;
  }
};

}  // namespace tenon

TENON_KERNELS_BEGIN

/// The instructions that this translation unit may hold.
consteval instructions compiled_for() {
  instructions out;
  // The text of a macro's expansion: "1" where the compiler defines it, its own name, which begins with '_', where not.
#define TENON_TEXT(macro) #macro
#define TENON_ROW(kind, name, known_as, macro, prose) \
  if (TENON_TEXT(macro)[0] != '_') out = out | instruction::name;
  TENON_INSTRUCTION_ROWS(TENON_ROW)
#undef TENON_ROW
#undef TENON_TEXT
  return out;
}

/// The instructions that the processor has and the system lets programs use.
TENON_INLINE instructions processor_instructions() {
  instructions out;
#define TENON_HAS_arm(bit) (on_aarch64 && (((::getauxval(AT_HWCAP) & 0xffffffffu) | ::getauxval(AT_HWCAP2) << 32) & (bit)) != 0)
#define TENON_ROW(kind, name, known_as, macro, prose) \
  if (TENON_HAS_##kind(known_as)) out = out | instruction::name;
  TENON_INSTRUCTION_ROWS(TENON_ROW)
#undef TENON_ROW
#undef TENON_HAS_arm
  return out;
}

/// What a program built for `needed` says on a processor that has `present`: nothing where all is there.
TENON_INLINE constexpr arch_sentence missing_instructions(instructions needed, instructions present) {
  constexpr const char* names[] = {
#define TENON_ROW(kind, name, known_as, macro, prose) prose,
      TENON_INSTRUCTION_ROWS(TENON_ROW)
#undef TENON_ROW
  };
  constexpr int count = sizeof names / sizeof names[0];
  const instructions missing = needed.without(present);
  arch_sentence out;
  if (missing.bits == 0) return out;
  out.append("This program was built for a processor with ");
  const char* between = "";
  for (int i = 0; i < count; ++i)
    if (missing.has(static_cast<instruction>(i))) {
      out.append(between);
      out.append(names[i]);
      between = ", ";
    }
  // The widest level of the x86-64 psABI that the processor has in full.
  constexpr auto set = [](auto... each) { return instructions{((std::uint32_t{1} << static_cast<int>(each)) | ...)}; };
  using enum instruction;
  constexpr instructions v2 = set(sse4_2, popcnt), v3 = set(sse4_2, popcnt, avx, f16c, fma, avx2, bmi, bmi2, lzcnt, movbe);
  const char* level = v3.without(present).bits == 0 ? "-march=x86-64-v3" : v2.without(present).bits == 0 ? "-march=x86-64-v2" : "-march=x86-64";
  out.append(", which this one lacks. Fix: build it on this machine, or with ");
  out.append(needed.has(dotprod) ? "-march=armv8-a" : level);
  out.append(".\n");
  return out;
}

/// Ends the program with the sentence, on standard error, and exit code 1, where the processor lacks what `needed` names.
struct instruction_guard {
  TENON_INLINE explicit instruction_guard(const instructions& needed) {
    const arch_sentence sentence = missing_instructions(needed, processor_instructions());
    if (sentence.empty()) return;
    if (::write(2, sentence.text, sentence.size) < 0) ::_exit(1);
    ::_exit(1);
  }
};

TENON_KERNELS_END

#undef TENON_INSTRUCTION_ROWS
