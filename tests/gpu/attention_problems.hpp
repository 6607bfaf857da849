#pragma once
// The problems of attention that the tests of GPU kernels compile and run.

#include <tenon/core/number.hpp>
#include <tenon/policies/mask/listed.hpp>
#include <tenon/policies/mask/positional.hpp>
#include <tenon/policies/mask/sequences.hpp>
#include <tenon/policies/score/biases.hpp>
#include <tenon/policies/weighting.hpp>

namespace tenon_test {

struct causal_128 {
  using mask = tenon::causal;
  using score = tenon::scaled;
  using weighting = tenon::softmax;
  using out = tenon::bf16;
  static constexpr int dim = 128, group = 1;
};

struct causal_64 : causal_128 {
  static constexpr int dim = 64;
};

struct half_128 : causal_128 {
  using number = tenon::f16;
  using out = tenon::f16;
};

struct half_64 : half_128 {
  static constexpr int dim = 64;
};

/// The scores of a soft cap, a window, a sink per head, and sums that are not rounded.
struct capped_128 : causal_128 {
  using mask = tenon::both<tenon::causal, tenon::window>;
  using score = tenon::chain<tenon::scaled, tenon::soft_cap>;
  using weighting = tenon::sink;
  using out = float;
};

/// A mask and a bias with operands in memory, and heads of a group that share a tile.
struct documents_64 : causal_64 {
  using mask = tenon::both<tenon::causal, tenon::document>;
  using score = tenon::chain<tenon::scaled, tenon::alibi>;
  static constexpr int group = 4;
};

struct documents_128 : documents_64 {
  static constexpr int dim = 128;
};

/// What is listed: bits of each pair, a bias by buckets.
struct listed_64 : causal_64 {
  using mask = tenon::bits;
  using score = tenon::chain<tenon::scaled, tenon::relative_bias>;
};
struct listed_128 : listed_64 {
  static constexpr int dim = 128;
};

/// Decoding: four heads of a group in one tile, keys split over blocks.
struct decode_128 : causal_128 {
  using mask = tenon::both<tenon::causal, tenon::window>;
  using weighting = tenon::sink;
  static constexpr int group = 4;
};

}  // namespace tenon_test
