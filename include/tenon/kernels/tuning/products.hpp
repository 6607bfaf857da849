#pragma once
// Numbers of products on GPUs that no machine changes.

namespace tenon::tuning {

/// So many tokens are multiplied without matrix units, four at a time: reading the weights twice is still cheaper than a tile that is mostly empty.
inline constexpr int few_tokens = 8;

}  // namespace tenon::tuning
