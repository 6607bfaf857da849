#pragma once
// What stands in place of a token where logits allow none.

#include <cstdint>

namespace tenon {

inline constexpr std::int32_t damaged_logits = -1;    ///< one is NaN or +infinity
inline constexpr std::int32_t forbidden_logits = -2;  ///< all are -infinity

}  // namespace tenon
