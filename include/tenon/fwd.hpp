#pragma once
// The names of tenon's common types, for headers that only mention them.

#include <cstddef>

namespace tenon {

using index_t = std::ptrdiff_t;
template <class T, int Rank>
struct view;

class error;
template <class T>
class result;

class buffer;
struct bf16;
struct f16;
struct stored_matrix;

}  // namespace tenon
