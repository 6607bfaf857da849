#pragma once
// A score that learns in every way that GPUs sum up, and the kernels of its gradients that the tests compile and run as PTX.

#include <tenon/kernels/launch/gpu/attention_backward_learned.hpp>

#include "attention_backward_problems.hpp"

namespace tenon_test {

/// Scores that learn by distance, by key and by query. Words: the words_of an architecture.
struct back_learned_64 : back_sigmoid_64 {
  using mask = tenon::both<tenon::causal, tenon::window>;
  using score = tenon::chain<tenon::chain<tenon::chain<tenon::fourier, tenon::soft_cap>, tenon::key_bias>, tenon::task>;
  using out = float;
  using number = tenon::bf16;
};
template <class Leaf, class Words, class Problem = back_learned_64>
struct learned_kernels {
  using kept_keys = typename Words::template attention_backward_keys<Leaf, Problem>;
  using kept_rows = typename Words::template attention_backward_rows<Leaf, Problem>;
  using keys = tenon::attention_backward_keys_body<Leaf, kept_keys, Problem>;
  using queries = tenon::attention_backward_queries_body<Leaf, kept_rows, Problem>;
  using by_distance = tenon::attention_backward_learned_body<Leaf, kept_rows, 0, Problem>;
  using by_key = tenon::attention_backward_learned_body<Leaf, kept_rows, 1, Problem>;
  using by_query = tenon::attention_backward_learned_body<Leaf, kept_rows, 2, Problem>;
  using deliver_distances = tenon::attention_backward_deliver_body<Leaf, 0, Problem>;
  using deliver_keys = tenon::attention_backward_deliver_body<Leaf, 1, Problem>;
  using deliver_queries = tenon::attention_backward_deliver_body<Leaf, 2, Problem>;
};

}  // namespace tenon_test


// Calls kernel(name, type) for each of a learned problem's, where `learned` are those of a machine.
#define TENON_TEST_LEARNED_KERNELS(kernel)        \
  kernel(learned_keys, learned::keys)             \
  kernel(learned_queries, learned::queries)       \
  kernel(learned_by_distance, learned::by_distance) \
  kernel(learned_by_key, learned::by_key)         \
  kernel(learned_by_query, learned::by_query)     \
  kernel(deliver_distances, learned::deliver_distances) \
  kernel(deliver_keys, learned::deliver_keys)     \
  kernel(deliver_queries, learned::deliver_queries)
