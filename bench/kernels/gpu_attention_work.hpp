#pragma once
// What the benches of attention on GPUs compute, ours and a vendor's alike: bf16, 16 heads of 128; a causal prompt, or one token of 16 query
// heads on 4 key heads.

#include "gpu_measure.hpp"

namespace tenon_bench {

/// q and out [token, head, dim], keys and values [kv head, key, dim].
template <class Gpu>
struct attention_work {
  static constexpr int heads = 16, dim = 128;
  using index_t = tenon::index_t;
  using numbers = decltype(random_numbers(std::declval<const Gpu&>(), 1));
  int queries, keys, kv_heads;
  numbers q, k, v, out;

  attention_work(const Gpu& gpu, int queries_, int keys_, int kv_heads_)
      : queries(queries_), keys(keys_), kv_heads(kv_heads_), q(random_numbers(gpu, index_t{queries} * heads * dim)), k(random_numbers(gpu, index_t{keys} * kv_heads * dim)),
        v(random_numbers(gpu, index_t{keys} * kv_heads * dim)), out(gpu.template array<tenon::bf16>(index_t{queries} * heads * dim)) {}

  bool causal() const { return queries > 1; }
  /// Causal ones only.
  double operations() const { return causal() ? 2.0 * heads * dim * queries * (keys + 1.0) : 4.0 * heads * dim * keys; }
  double bytes() const { return 4.0 * dim * (static_cast<double>(heads) * queries + static_cast<double>(kv_heads) * keys); }
};
template <class Gpu>
attention_work<Gpu> prompt(const Gpu& gpu, const benchmark::State& state) {
  const int tokens = static_cast<int>(state.range(0));
  return {gpu, tokens, tokens, attention_work<Gpu>::heads};
}
template <class Gpu>
attention_work<Gpu> one_token(const Gpu& gpu, const benchmark::State& state) {
  return {gpu, 1, static_cast<int>(state.range(0)), 4};
}

/// Both, under these names.
inline void register_attention(const char* causal, void (*prefills)(benchmark::State&), const char* decode, void (*decodes)(benchmark::State&)) {
  register_sizes(causal, prefills, {1024, 4096, 16384});
  register_sizes(decode, decodes, {4096, 32768, 131072});
}

}  // namespace tenon_bench
