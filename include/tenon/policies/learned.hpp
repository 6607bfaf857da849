#pragma once
// Operands that training moves. A policy whose operands are learned carries, beside each, where its gradient is to go:
//   static constexpr per learned = per::distance;      what the derivative in the operands depends on, beside the head
//   bool learning() const;                             whether anybody asked: the places are not null
//   void learn(float ds, position p) const;            adds ds times the derivative of s in each operand
//   static constexpr partitioned_by operands = partitioned_by::head;  optional: what parts of the operands are disjoint, so that GPUs may hand out work
// Kernels sum d loss / d s over all scores that the policy cannot tell apart before it hears of them, once, in a fixed order. On GPUs `learn` is called
// there, by one thread for all that may share operands: it is TENON_BOTH, and its places are memory that kernels reach.

#include <concepts>

#include <tenon/policies/tile.hpp>

namespace tenon {

/// What the derivative of a score in its learned operands depends on, beside the query head and the sequence.
enum class per : unsigned char {
  distance,  ///< query - key alone. `learn` gets a position at that distance
  key,       ///< the key alone, whatever the head. `learn` gets that key, once for each kv head
  query,     ///< the query alone
  score      ///< anything: `learn(s, ds, p)` is called for every score, s before this policy, and one thread does all the work; on processors
};

/// Into which parts `learn` divides the operands, no two of which share one: those of each query head, or of each place (a distance, key or query)
/// whatever its heads and sequences.
enum class partitioned_by : unsigned char { none, head, place };

/// What a learned score says of its operands; nothing, where it says nothing.
template <class Score>
inline constexpr partitioned_by operands_of = partitioned_by::none;
template <class Score>
  requires requires { Score::operands; }
inline constexpr partitioned_by operands_of<Score> = Score::operands;

/// A score whose operands are learned.
template <class Score>
concept learned_score = requires(const Score& s) {
  { Score::learned } -> std::convertible_to<per>;
  { s.learning() } -> std::same_as<bool>;
};

}  // namespace tenon
