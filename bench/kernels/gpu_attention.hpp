#pragma once
// Attention by tenon on a GPU; the keys of one token are split over blocks.

#include <tenon/kernels/launch/gpu/attention.hpp>
#include <tenon/kernels/launch/gpu/attention_split.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>
#include <tenon/policies/weighting.hpp>

#include "gpu_attention_work.hpp"
#include "gpu_limits.hpp"

namespace tenon_bench {

struct prefill {
  using mask = tenon::causal;
  using score = tenon::scaled;
  using weighting = tenon::softmax;
  using out = tenon::bf16;
  static constexpr int dim = 128, group = 1;
};
struct decode : prefill {
  static constexpr int group = 4;
};

template <class Problem, class Work>
tenon::attention_arguments<Problem> arguments(const Work& of) {
  constexpr int row = Work::heads * Work::dim;
  tenon::attention_arguments<Problem> a{};
  a.q = of.q.data(), a.keys = of.k.data(), a.values = of.v.data(), a.out = of.out.data(), a.queries = of.queries, a.length = of.keys, a.heads = Work::heads, a.kv_heads = of.kv_heads;
  a.q_head = a.out_head = Work::dim, a.q_query = a.out_query = row, a.q_batch = a.out_batch = tenon::index_t{of.queries} * row;
  a.cache_head = tenon::index_t{of.keys} * Work::dim, a.cache_batch = a.cache_head * of.kv_heads;
  return a;
}

template <class Device>
void prefills(benchmark::State& state) {
  with_arch(Device{0}, [&](const auto& gpu) {
    using machine = std::decay_t<decltype(gpu)>;
    using words = typename tenon::words_of<typename machine::arch>::template attention<typename machine::leaf, prefill>;
    const auto work = prompt(gpu, state);
    const auto body = tenon::attention_on<words>(gpu, arguments<prefill>(work), 1, work.queries);
    measure(state, gpu, work.operations(), work.bytes(), [&] {
      gpu.launch({(work.queries + words::block_rows - 1) / words::block_rows, work.heads, 1}, {words::threads}, words::shared_bytes, body);
    });
  });
}

template <class Device>
void decodes(benchmark::State& state) {
  with_arch(Device{0}, [&](const auto& gpu) {
    using machine = std::decay_t<decltype(gpu)>;
    using words = typename tenon::words_of<typename machine::arch>::template attention_split<typename machine::leaf, decode>;
    using merge = tenon::attention_merge_body<typename machine::leaf, words, decode>;
    const auto work = one_token(gpu, state);
    const int split = 512, splits = (work.keys + split - 1) / split;
    const auto partials = gpu.template array<float>(tenon::index_t{splits} * work.kv_heads * tenon::attention_partial_floats<words, decode>());
    const tenon::attention_split_arguments<decode> a{arguments<decode>(work), partials.data(), split, splits};
    const auto body = tenon::attention_split_on<words>(gpu, a, 1, work.keys);
    measure(state, gpu, work.operations(), work.bytes(), [&] {
      gpu.launch({splits, work.kv_heads, 1}, {words::threads}, words::shared_bytes, body);
      gpu.launch({1, work.kv_heads, 1}, {merge::threads}, 0, merge{a});
    });
  });
}

template <class Device>
int run_attention(int count, char** words) {
  register_attention("attention/causal/tenon", prefills<Device>, "attention/decode/tenon", decodes<Device>);
  return run<Device>(count, words);
}

}  // namespace tenon_bench
