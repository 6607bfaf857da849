#pragma once
// The instructions that a compiler may use without being asked, as its flags allow them. Data only: reading it runs nothing wide.

struct instructions {
  bool sse4_2, popcnt, avx, f16c, fma, avx2, bmi, bmi2, lzcnt, movbe;
  bool avx512f, avx512cd, avx512bw, avx512dq, avx512vl, avx512vnni, avx512bf16, avx512vbmi, avx512vbmi2, avx512fp16;
  bool avxvnni, amx_tile, amx_int8, amx_bf16;
  bool dotprod;
};

/// What the program's own objects are compiled for; defined in built_for.cpp, which has the program's flags.
extern const instructions built_for;
