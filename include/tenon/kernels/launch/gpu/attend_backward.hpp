#pragma once
// The gradients of attention on a GPU: which kernels run, on which grids.

#include <tenon/core/fault.hpp>
#include <tenon/kernels/launch/gpu/attention_backward_learned.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/policies/learned.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

/// Whether some stage of a score asks for the gradients of its operands.
template <class Score>
bool learns(const Score& score) {
  if constexpr (requires { score.first; score.second; })
    return learns(score.first) || learns(score.second);
  else if constexpr (learned_score<Score>)
    return score.learning();
  else
    return false;
}

// f(constant) of each learned stage.
template <class Problem, int Stage = 0, class F>
void each_learned_stage(const F& f) {
  if constexpr (Stage < learned_stages<typename Problem::score>) {
    f(std::integral_constant<int, Stage>{});
    each_learned_stage<Problem, Stage + 1>(f);
  }
}

template <class Problem>
void check_backward(const attention_backward_arguments<Problem>& a) {
  const attention_arguments<Problem>& c = a.call;
  if (c.heads != c.kv_heads * Problem::group)
    throw error("[heads] of attend_backward are ", c.heads, " on ", c.kv_heads, " kv heads: its kernels are for groups of ", Problem::group, ". Fix: a problem of that group.");
  if (c.after != 0) throw error("[after] of attend_backward is ", c.after, ": dk and dv are sums over all queries. Fix: one call for all of them.");
  if (learns(c.score)) {
    if (learns_per_score<typename Problem::score>) throw error("[score] of attend_backward hears of every score, one after the other: no work for a GPU. Fix: leave its d_ places null, or learn it on a processor.");
    if (a.learned_sums == nullptr) throw error("[learned_sums] of attend_backward: a score that learns needs them. Fix: give scratch, or leave its d_ places null.");
  }
  if constexpr (!requires { c.weighting.bias; })
    if (a.facts == nullptr || c.log_sum_exp == nullptr || c.out == nullptr)
      throw error("[facts, out, log_sum_exp] of attend_backward: softmax needs them. Fix: ask attention for its log_sum_exp, and give scratch.");
  if constexpr (requires { c.weighting.d_logits; })
    if (c.weighting.d_logits != nullptr && a.sink_shares == nullptr) throw error("[sink_shares] of attend_backward: sinks that learn need them. Fix: give scratch, or leave d_logits null.");
}

}  // namespace kernel_detail

/// Writes dq, dk and dv of `a`, whose memory is the machine's, and adds what sinks and scores learn to the places that they name, in memory that kernels
/// reach. Throws tenon::error for what does not fit.
template <device_machine Machine, class Problem>
void attend_backward(const Machine& machine, const attention_backward_arguments<Problem>& a) {
  using leaf = typename Machine::leaf;
  using keys = typename words_of<typename Machine::arch>::template attention_backward_keys<leaf, Problem>;
  using rows = typename words_of<typename Machine::arch>::template attention_backward_rows<leaf, Problem>;
  kernel_detail::check_backward(a);
  const auto start = [&](int blocks, int shared_bytes, const auto& body) {
    if (blocks > 0 && a.call.kv_heads > 0 && a.batch > 0) machine.launch({blocks, a.call.kv_heads, a.batch}, {body.threads}, static_cast<std::size_t>(shared_bytes), body);
  };
  if constexpr (!requires { a.call.weighting.bias; })
    start(static_cast<int>(attention_backward_padded(index_t{a.call.queries} * Problem::group) / 16), 0, attention_backward_rows_body<leaf, Problem>{a});
  start(kernel_detail::tiles(a.call.length, keys::block_keys), keys::shared_bytes, attention_backward_on<leaf, keys>(machine, a));
  start(kernel_detail::tiles(a.call.queries, rows::tile_rows / Problem::group), rows::shared_bytes, attention_backward_on<leaf, rows>(machine, a));
  if constexpr (learned_stages<typename Problem::score> > 0 && !learns_per_score<typename Problem::score>)
    kernel_detail::each_learned_stage<Problem>([&](auto stage) {
      using learned = typename words_of<typename Machine::arch>::template attention_backward_learned<leaf, Problem>;
      if (!learned_stage<stage.value>(a.call.score).learning() || a.batch == 0) return;
      const attention_backward_learned_body<leaf, learned, stage.value, Problem> sums{a};
      const attention_backward_deliver_body<leaf, stage.value, Problem> deliver{a};
      start(sums.blocks(), sums.shared_bytes, sums);
      if (deliver.blocks() > 0) machine.launch({deliver.blocks(), 1, 1}, {deliver.threads}, std::size_t{0}, deliver);
    });
  if constexpr (requires { a.call.weighting.d_logits; }) {
    using body = attention_backward_sinks_body<leaf, Problem>;
    if (a.call.weighting.d_logits != nullptr && a.call.heads > 0) machine.launch({a.call.heads, 1, 1}, {body::threads}, std::size_t{4} * body::threads, body{a});
  }
}

TENON_KERNELS_END
