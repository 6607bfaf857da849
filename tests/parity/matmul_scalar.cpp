// Products on the machine that every compiler has.
#include "matmul_cases.hpp"

MATMUL_CASES(tenon::cpu_scalar)
