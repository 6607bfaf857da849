#pragma once
// The parameter tree: every layer shows its parameters, with the names and shapes that they have in files, to a visitor.
// Counting, loading and checking are visitors; a layer is described once.

#include <concepts>
#include <cstdint>

#include <tenon/kernels/launch/matmul.hpp>

namespace tenon {

/// A learned vector, as floats: a gain or a bias.
struct vector_parameter {
  const float* data = nullptr;
};

/// A learned matrix [rows, depth], packed for the machine that will multiply by it.
using matrix_parameter = packed_matrix;

// A visitor is called as visit(vector, name, size) and visit(matrix, name, rows, depth); the name is that of GGUF, less the
// prefix `blk.N.` of its block.

/// Adds up how many numbers a layer learns.
struct parameter_counter {
  std::int64_t total = 0;
  constexpr void operator()(vector_parameter&, const char*, index_t size) { total += size; }
  constexpr void operator()(matrix_parameter&, const char*, index_t rows, index_t depth) { total += std::int64_t{rows} * depth; }
};

/// How many numbers `Layer` learns.
template <class Layer>
consteval std::int64_t count_parameters() {
  typename Layer::weights weights{};
  parameter_counter counter;
  Layer::each_parameter(weights, counter);
  return counter.total;
}

/// How many of them are in matrices, where each costs two operations per token.
template <class Layer>
consteval std::int64_t count_matrix_parameters() {
  struct {
    std::int64_t total = 0;
    constexpr void operator()(vector_parameter&, const char*, index_t) {}
    constexpr void operator()(matrix_parameter&, const char*, index_t rows, index_t depth) { total += std::int64_t{rows} * depth; }
  } counter;
  typename Layer::weights weights{};
  Layer::each_parameter(weights, counter);
  return counter.total;
}

}  // namespace tenon
