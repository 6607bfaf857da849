// Products on the AVX2 machine, where this translation unit has it.
#include "matmul_cases.hpp"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
MATMUL_CASES(tenon::cpu_avx2)
#endif
