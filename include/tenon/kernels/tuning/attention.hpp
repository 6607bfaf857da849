#pragma once
// Numbers of attention that were chosen by measuring, on processors.

#include <tenon/core/config.hpp>

namespace tenon::tuning {

/// Query rows (queries x heads of a group) that share one walk over the keys: enough to load a block of keys from L2 rarely,
/// few enough that their sums stay there.
inline constexpr int attention_rows = 128;

/// Queries per tile of rows. A query's whole group stays together, so a group beyond attention_rows makes a larger tile.
TENON_INLINE constexpr int attention_queries(int group) { return group >= attention_rows ? 1 : attention_rows / group; }

static_assert(attention_queries(1) == 128 && attention_queries(3) == 42 && attention_queries(128) == 1);

}  // namespace tenon::tuning
