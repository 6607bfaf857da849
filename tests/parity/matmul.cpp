// Products on the best machine of this translation unit.
#include "matmul_cases.hpp"

MATMUL_CASES(tenon::cpu)
