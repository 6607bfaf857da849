#pragma once
// The rows of a tile in memory: queries x heads of one group, seen as one matrix.

#include <tenon/core/config.hpp>
#include <tenon/core/view.hpp>

namespace tenon {

/// Row r is query r / Group, head r % Group, counted from `first`. Strides count elements; rows are dense.
template <class T, int Group>
struct device_rows {
  static constexpr int group = Group;
  T* first;
  index_t query_stride, head_stride;

  TENON_BOTH TENON_INLINE T* operator()(int row) const {
    if constexpr (Group == 1)
      return first + row * query_stride;
    else
      return first + row / Group * query_stride + row % Group * head_stride;
  }
};

}  // namespace tenon
