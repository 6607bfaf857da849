// Attention in bf16 on an NVIDIA GPU: causal prefill of 16 heads of 128, operations counted causal only, and decoding of one token of 16 query
// heads on 4 key heads, keys split over blocks.
#include <tenon/kernels/launch/nvidia/launch.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>
#include <tenon/policies/weighting.hpp>

#include "gpu_limits.hpp"

namespace {

using namespace tenon;
using namespace tenon_bench;

constexpr int heads = 16, dim = 128;

struct prefill {
  using mask = causal;
  using score = scaled;
  using weighting = softmax;
  using out = bf16;
  static constexpr int dim = ::dim, group = 1;
};
struct decode : prefill {
  static constexpr int group = 4;
};

template <class Problem>
attention_arguments<Problem> arguments(int queries, int keys, int kv_heads, const bf16* q, const bf16* k, const bf16* v, bf16* out) {
  attention_arguments<Problem> a{};
  a.q = q, a.keys = k, a.values = v, a.out = out, a.queries = queries, a.length = keys, a.heads = heads, a.kv_heads = kv_heads;
  a.q_head = a.out_head = dim, a.q_query = a.out_query = heads * dim, a.q_batch = a.out_batch = index_t{queries} * heads * dim;
  a.cache_head = index_t{keys} * dim, a.cache_batch = a.cache_head * kv_heads;
  return a;
}

void prefills(benchmark::State& state) {
  const int tokens = static_cast<int>(state.range(0));
  with_arch(nvidia{0}, [&](const auto& gpu) {
    using machine = std::decay_t<decltype(gpu)>;
    using words = typename words_of<typename machine::arch>::template attention<typename machine::leaf, prefill>;
    const index_t count = index_t{tokens} * heads * dim;
    const auto q = random_numbers(gpu, count), k = random_numbers(gpu, count), v = random_numbers(gpu, count);
    const auto out = gpu.template array<bf16>(count);
    const auto body = attention_on<words>(gpu, arguments<prefill>(tokens, tokens, heads, q.data(), k.data(), v.data(), out.data()), 1, tokens);
    measure(state, gpu, 2.0 * heads * dim * tokens * (tokens + 1.0), 8.0 * static_cast<double>(count), [&] {
      gpu.launch({(tokens + words::block_rows - 1) / words::block_rows, heads, 1}, {words::threads}, words::shared_bytes, body);
    });
  });
}

void decodes(benchmark::State& state) {
  const int keys = static_cast<int>(state.range(0)), split = 512, kv_heads = heads / decode::group, splits = (keys + split - 1) / split;
  with_arch(nvidia{0}, [&](const auto& gpu) {
    using machine = std::decay_t<decltype(gpu)>;
    using words = typename words_of<typename machine::arch>::template attention_split<typename machine::leaf, decode>;
    using merge = attention_merge_body<typename machine::leaf, words, decode>;
    const index_t count = index_t{keys} * kv_heads * dim;
    const auto q = random_numbers(gpu, heads * dim), k = random_numbers(gpu, count), v = random_numbers(gpu, count);
    const auto out = gpu.template array<bf16>(heads * dim);
    const auto partials = gpu.template array<float>(index_t{splits} * kv_heads * attention_partial_floats<words, decode>());
    const attention_split_arguments<decode> a{arguments<decode>(1, keys, kv_heads, q.data(), k.data(), v.data(), out.data()), partials.data(), split, splits};
    const auto body = attention_split_on<words>(gpu, a, 1, keys);
    measure(state, gpu, 4.0 * heads * dim * keys, 4.0 * static_cast<double>(count), [&] {
      gpu.launch({splits, kv_heads, 1}, {words::threads}, words::shared_bytes, body);
      gpu.launch({1, kv_heads, 1}, {merge::threads}, 0, merge{a});
    });
  });
}

BENCHMARK(prefills)->Name("attention/causal")->Arg(1024)->Arg(4096)->Arg(16384)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(decodes)->Name("attention/decode")->Arg(4096)->Arg(32768)->Arg(131072)->UseManualTime()->Unit(benchmark::kMicrosecond);

}  // namespace

int main(int count, char** words) { return run<tenon::nvidia>(count, words); }
