// Compiled with the flags of the program: writes down, as constants, which instructions it may hold.
#include "instructions.hpp"

namespace {

// The text of a macro's expansion: "1" where the compiler defines it, its own name where not.
#define TEXT_OF(macro) TEXT(macro)
#define TEXT(macro) #macro
constexpr bool on(const char* text) { return text[0] != '_'; }

}  // namespace

constinit const instructions built_for{
    .sse4_2 = on(TEXT_OF(__SSE4_2__)),
    .popcnt = on(TEXT_OF(__POPCNT__)),
    .avx = on(TEXT_OF(__AVX__)),
    .f16c = on(TEXT_OF(__F16C__)),
    .fma = on(TEXT_OF(__FMA__)),
    .avx2 = on(TEXT_OF(__AVX2__)),
    .bmi = on(TEXT_OF(__BMI__)),
    .bmi2 = on(TEXT_OF(__BMI2__)),
    .lzcnt = on(TEXT_OF(__LZCNT__)),
    .movbe = on(TEXT_OF(__MOVBE__)),
    .avx512f = on(TEXT_OF(__AVX512F__)),
    .avx512cd = on(TEXT_OF(__AVX512CD__)),
    .avx512bw = on(TEXT_OF(__AVX512BW__)),
    .avx512dq = on(TEXT_OF(__AVX512DQ__)),
    .avx512vl = on(TEXT_OF(__AVX512VL__)),
    .avx512vnni = on(TEXT_OF(__AVX512VNNI__)),
    .avx512bf16 = on(TEXT_OF(__AVX512BF16__)),
    .avx512vbmi = on(TEXT_OF(__AVX512VBMI__)),
    .avx512vbmi2 = on(TEXT_OF(__AVX512VBMI2__)),
    .avx512fp16 = on(TEXT_OF(__AVX512FP16__)),
    .avxvnni = on(TEXT_OF(__AVXVNNI__)),
    .amx_tile = on(TEXT_OF(__AMX_TILE__)),
    .amx_int8 = on(TEXT_OF(__AMX_INT8__)),
    .amx_bf16 = on(TEXT_OF(__AMX_BF16__)),
    .dotprod = on(TEXT_OF(__ARM_FEATURE_DOTPROD)),
};
