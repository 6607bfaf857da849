// expect: [precision_policy.Cache] must be float, bf16, f16 or a block_scaled number. Fix: as in precision_policy<bf16>.
#include <tenon/policies/precision.hpp>

constexpr tenon::precision_policy<double> precision{};
