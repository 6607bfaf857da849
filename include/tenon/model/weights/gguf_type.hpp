#pragma once
// The numbers by which GGUF names tensor types (enum ggml_type of github.com/ggml-org/ggml).

#include <cstdint>
#include <optional>

#include <tenon/core/storage.hpp>

namespace tenon {

/// The storage of GGUF type `number`, or nothing where tenon does not read that type.
constexpr std::optional<storage> gguf_storage(std::uint32_t number) {
  switch (number) {
    case 0: return storage::f32;
    case 1: return storage::f16;
    case 2: return storage::q4_0;
    case 3: return storage::q4_1;
    case 8: return storage::q8_0;
    case 12: return storage::q4_k;
    case 14: return storage::q6_k;
    case 30: return storage::bf16;
    default: return {};
  }
}

/// The number of a storage, or nothing where GGUF cannot hold it (F8_E4M3, and I8, which has no scales there).
constexpr std::optional<std::uint32_t> gguf_number(storage kind) {
  for (std::uint32_t number = 0; number <= 30; ++number)
    if (gguf_storage(number) == kind) return number;
  return {};
}

/// The name of GGUF type `number`, also of those that tenon does not read.
constexpr const char* gguf_type_name(std::uint32_t number) {
  constexpr const char* names[] = {"F32",    "F16",     "Q4_0",   "Q4_1",  "Q4_2",  "Q4_3",   "Q5_0",   "Q5_1",   "Q8_0",    "Q8_1",   "Q2_K",
                                   "Q3_K",   "Q4_K",    "Q5_K",   "Q6_K",  "Q8_K",  "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S",   "IQ4_NL", "IQ3_S",
                                   "IQ2_S",  "IQ4_XS",  "I8",     "I16",   "I32",   "I64",    "F64",    "IQ1_M",  "BF16",    "Q4_0_4_4", "Q4_0_4_8",
                                   "Q4_0_8_8", "TQ1_0", "TQ2_0",  "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4"};
  return number < sizeof names / sizeof *names ? names[number] : "an unknown type";
}

}  // namespace tenon
