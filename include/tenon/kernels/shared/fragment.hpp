#pragma once
// How a matrix lies spread over the lanes of a warp, as data: a map from (lane, element of that lane) to (row, column). Words compute
// positions from the map of their instruction, and a map that is no bijection does not compile.

#include <tenon/core/config.hpp>

namespace tenon {

/// Where an element of a fragment belongs in its matrix.
struct fragment_place {
  int row, column;
};

/// Whether Map puts every place of its [rows, columns] into exactly one element of one lane. Map has lanes, elements, rows, columns and
/// `static constexpr fragment_place at(int lane, int element)`.
template <class Map>
consteval bool is_bijection() {
  static_assert(Map::lanes * Map::elements == Map::rows * Map::columns, "[fragment] has fewer or more elements than its matrix. Fix: check the table.");
  bool seen[Map::rows * Map::columns] = {};
  for (int lane = 0; lane < Map::lanes; ++lane)
    for (int element = 0; element < Map::elements; ++element) {
      const fragment_place p = Map::at(lane, element);
      if (p.row < 0 || p.row >= Map::rows || p.column < 0 || p.column >= Map::columns) return false;
      bool& here = seen[p.row * Map::columns + p.column];
      if (here) return false;
      here = true;
    }
  return true;
}

}  // namespace tenon
