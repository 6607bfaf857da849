#pragma once
// Attention over a cache as models call it, as the kernels that the tests compile for GPUs and run as PTX: groups of three heads of 64, of four
// of 128.

#include <tenon/kernels/launch/gpu/attend_heads.hpp>
#include <tenon/policies/gathered.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>

namespace tenon_test {

/// The bodies that every machine launches.
struct plain_bodies {
  template <class Leaf, class Words, class Problem>
  using whole = tenon::attention_body<Leaf, Words, Problem>;
  template <class Leaf, class Words, class Problem>
  using split = tenon::attention_split_body<Leaf, Words, Problem>;
};

/// Words: the words_of an architecture.
template <class Leaf, class Words, class Bodies = plain_bodies>
struct cached_kernels {
  template <class Problem>
  struct of {
    using problem = Problem;
    using many = typename Words::template attention<Leaf, problem>;
    using few = typename Words::template attention_split<Leaf, problem>;
    using whole = typename Bodies::template whole<Leaf, many, problem>;
    using split_many = typename Bodies::template split<Leaf, many, problem>;
    using merge_many = tenon::attention_merge_body<Leaf, many, problem>;
    using split_few = typename Bodies::template split<Leaf, few, problem>;
    using merge_few = tenon::attention_merge_body<Leaf, few, problem>;
  };
  using d64 = of<tenon::device_attention<tenon::causal, tenon::scaled, tenon::softmax, 64, 3>>;
  using d128 = of<tenon::device_attention<tenon::causal, tenon::scaled, tenon::softmax, 128, 4>>;
  /// In pages.
  using dpaged = of<tenon::device_attention<tenon::causal, tenon::scaled, tenon::softmax, 64, 3, tenon::paged_keys>>;
  /// Of 8 bits; of these in pages.
  using dint8 = of<tenon::device_attention<tenon::causal, tenon::scaled, tenon::softmax, 64, 3, tenon::dense_keys, tenon::int8_per_128>>;
  using de4m3 = of<tenon::device_attention<tenon::causal, tenon::scaled, tenon::softmax, 128, 4, tenon::paged_keys, tenon::e4m3_per_128>>;
  template <class Number>
  using append = tenon::append_body<Leaf, Number>;
  /// Of some of the keys, each with a number of its own.
  using kept = of<tenon::device_attention<tenon::gathered_keys<tenon::causal, tenon::read_later>, decltype(tenon::scaled{} >> tenon::key_bias{}), tenon::softmax, 64, 2>>;
  /// Of some of the rows, as many as the machine has counted.
  using chosen = of<tenon::counted_attention<tenon::gathered_rows<tenon::causal>, tenon::scaled, tenon::gathered_rows<tenon::sink>, 128, 1>>;
  using choose = tenon::choose_heads_body<Leaf>;
  using gather = tenon::gather_heads_body<Leaf>;
  using scatter = tenon::scatter_heads_body<Leaf>;
  using round = tenon::arrange_body<Leaf, tenon::natural_order>;
};

}  // namespace tenon_test

// Calls kernel(name, type) for each, where `kernels` are those of a machine; those of few rows apart, whose words a machine may not have.
#define TENON_TEST_KERNELS_OF(kernel, dim)            \
  kernel(whole_##dim, kernels::d##dim::whole)         \
  kernel(split_many_##dim, kernels::d##dim::split_many) \
  kernel(merge_many_##dim, kernels::d##dim::merge_many)
#define TENON_TEST_FEW_KERNELS_OF(kernel, dim)        \
  kernel(split_few_##dim, kernels::d##dim::split_few) \
  kernel(merge_few_##dim, kernels::d##dim::merge_few)
// Those of some keys and of some rows, which are of one split.
#define TENON_TEST_GATHERED_KERNELS(kernel)          \
  kernel(whole_kept, kernels::kept::whole)           \
  kernel(split_few_kept, kernels::kept::split_few)   \
  kernel(merge_few_kept, kernels::kept::merge_few)   \
  kernel(whole_chosen, kernels::chosen::whole)       \
  kernel(split_few_chosen, kernels::chosen::split_few) \
  kernel(merge_few_chosen, kernels::chosen::merge_few) \
  kernel(choose_heads, kernels::choose)              \
  kernel(gather_heads, kernels::gather)              \
  kernel(scatter_heads, kernels::scatter)
