// Products on the NEON machine, where this translation unit has it.
#include "matmul_cases.hpp"

#if defined(__ARM_NEON) && defined(__aarch64__)
MATMUL_CASES(tenon::cpu_neon)
#endif
