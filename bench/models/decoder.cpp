// A whole model, as TENON_MODEL names it (GGUF): a prompt of 512 tokens read at once, then 128 tokens one by one, in tokens per
// second (items/s) and beside the limits. The model's weights count once per token; the cache as it stands on average.
//   TENON_MODEL=model.gguf bench_models_decoder --benchmark_filter='threads:1$'

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <tenon/bench.hpp>
#include <tenon/model/load_any.hpp>
#include <tenon/model/zoo/llama.hpp>
#include <tenon/model/zoo/qwen2.hpp>

namespace {

using namespace tenon;

/// R1-Distill-Qwen-1.5B cut to 8 blocks and 32,000 tokens: small enough to be made of random numbers for a bench.
struct qwen_8_blocks : zoo::r1_distill_qwen_1_5b {
  static constexpr const char* name = "R1-Distill-Qwen-1.5B, 8 blocks";
  static constexpr decoder_spec shape{.width = 1536, .blocks = 8, .vocabulary = 32000, .tied_head = head::untied, .epsilon = 1e-6f};
};

constexpr index_t prompt_tokens = 512, answer_tokens = 128;

bench::arithmetic arithmetic_of(compute how) {
  return how == compute::int8 || how == compute::int8x2 ? bench::arithmetic::int8 : how == compute::bf16 ? bench::arithmetic::bf16 : bench::arithmetic::fp32;
}

template <class Decoder, class Machine>
void add_model(const model<Decoder, Machine>& loaded) {
  using spec = typename Decoder::spec;
  struct run {
    sequence<Decoder, Machine> text;
    std::vector<std::int32_t> tokens;
  };
  const auto now = std::make_shared<run>(run{.text = sequence<Decoder, Machine>(loaded, prompt_tokens + answer_tokens), .tokens = {}});
  for (index_t i = 0; i < prompt_tokens + answer_tokens; ++i) now->tokens.push_back(static_cast<std::int32_t>(i * 7919 % Decoder::shape.vocabulary));

  const auto& sample = loaded.share()->file.find("blk.0.ffn_down.weight")->matrix;
  const auto kind = arithmetic_of(spec::precision.products(sample.kind));
  const auto n = static_cast<double>(prompt_tokens), m = static_cast<double>(answer_tokens);
  const double head = 2.0 * static_cast<double>(Decoder::shape.vocabulary * Decoder::shape.width);
  const double per_pair = 4.0 * static_cast<double>(spec::attention.query_heads * spec::attention.head_dim * Decoder::shape.blocks);  // q.k and w v
  const auto flops = static_cast<double>(Decoder::flops_per_token), weights = static_cast<double>(loaded.packed_bytes());

  bench::add("prefill", loaded.machine(), {.operations = n * (flops - head) + head + per_pair * n * (n + 1) / 2, .bytes = weights, .kind = kind, .items = n}, [now] {
    now->text.truncate(0);
    now->text.read({now->tokens.data(), static_cast<std::size_t>(prompt_tokens)});
  })->Unit(benchmark::kMillisecond);
  const double cached = static_cast<double>(Decoder::cache_bytes_per_token) * (n + m / 2);
  bench::add("decode", loaded.machine(), {.operations = m * (flops + per_pair * (n + m / 2)), .bytes = m * (weights + cached), .kind = kind, .items = m}, [now] {
    if (now->text.length() < prompt_tokens) now->text.read({now->tokens.data(), static_cast<std::size_t>(prompt_tokens - now->text.length())});
    now->text.truncate(prompt_tokens);
    for (index_t i = 0; i < answer_tokens; ++i) now->text.read({&now->tokens[static_cast<std::size_t>(prompt_tokens + i)], 1});
  })->Unit(benchmark::kMillisecond);
}

}  // namespace

int main(int count, char** words) try {
  const char* path = std::getenv("TENON_MODEL");
  if (path == nullptr) throw error("TENON_MODEL is not set. Fix: TENON_MODEL=model.gguf; 'sh examples/run.sh' downloads one.");
  std::vector<int> threads{1};
  if (const int all = cpu().threads(); all > 1) threads.push_back(all);
  if (const char* only = std::getenv("TENON_THREADS")) threads = {std::atoi(only)};
  using namespace tenon::zoo;
  for (const int each : threads)
    load_any<decoder<smollm2_135m>, decoder<qwen_8_blocks>, decoder<r1_distill_qwen_1_5b>, decoder<r1_distill_llama_8b>>(open_gguf(path), cpu({.threads = each}),
                                                                                                                      [](const auto& loaded) { add_model(loaded); });
  return bench::run(count, words);
} catch (const std::exception& fault) {
  return std::fprintf(stderr, "%s\n", fault.what()), 1;
}
