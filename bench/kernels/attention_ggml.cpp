// Attention as ggml computes it (llama.cpp, ik_llama.cpp), in lines of the same names as bench_kernels_attention: compare_attention.py runs
// the two in turn. Built by hand, against a build of theirs:
//   g++ -std=c++20 -O2 bench/kernels/attention_ggml.cpp -IGGML/include -LGGML/lib -Wl,-rpath,GGML/lib -lggml -lggml-cpu -lggml-base -lbenchmark -lpthread -o attention_ggml
// (ik_llama.cpp: -lggml alone.) TENON_THREADS: how many threads, 1 without.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <ggml.h>
#if __has_include(<ggml-cpu.h>)
#include <ggml-cpu.h>
#endif

namespace {

struct shape {
  int heads, kv_heads, dim, queries, keys;
};

// ik_llama.cpp's functions have other parameters at their ends.
void narrow(auto type, const std::vector<float>& from, void* to, int dim) {
  const auto rows = static_cast<std::int64_t>(from.size()) / dim;
  if constexpr (requires { ggml_quantize_chunk(type, from.data(), to, 0, rows, dim, nullptr); })
    ggml_quantize_chunk(type, from.data(), to, 0, rows, dim, nullptr);
  else
    ggml_quantize_chunk(type, from.data(), to, 0, rows, dim, nullptr, nullptr);
}
auto plan(auto* graph, int threads) {
  if constexpr (requires { ggml_graph_plan(graph, threads, nullptr); })
    return ggml_graph_plan(graph, threads, nullptr);
  else
    return ggml_graph_plan(graph, threads);
}

/// One operator over several copies of keys and values, so that decode reads from memory.
class operators {
 public:
  operators(ggml_type type, const shape& s, int copies) {
    const auto rows = static_cast<std::size_t>(s.keys) * static_cast<std::size_t>(s.kv_heads);
    const std::size_t cached = rows * ggml_row_size(type, s.dim), q = sizeof(float) * static_cast<std::size_t>(s.dim * s.queries * s.heads);
    const int padded = (s.queries + 63) / 64 * 64;
    const std::size_t all = static_cast<std::size_t>(copies) * 2 * (cached + q) + 2 * q + 2 * static_cast<std::size_t>(padded) * static_cast<std::size_t>(s.keys) + (std::size_t{64} << 20);
    context_.reset(ggml_init({all, nullptr, false}));
    if (!context_) std::exit((std::puts("ggml has no memory for this"), 1));
    ggml_tensor* const query = ggml_new_tensor_4d(context_.get(), GGML_TYPE_F32, s.dim, s.queries, s.heads, 1);
    std::mt19937 random(1);
    const auto value = [&] { return static_cast<float>(random() % 2001) * 1e-3f - 1; };
    for (std::int64_t i = 0; i < ggml_nelements(query); ++i) static_cast<float*>(query->data)[i] = value();
    ggml_tensor* const mask = ggml_new_tensor_2d(context_.get(), GGML_TYPE_F16, s.keys, padded);
    for (int i = 0; i < padded; ++i)
      for (int j = 0; j < s.keys; ++j)
        static_cast<ggml_fp16_t*>(mask->data)[static_cast<std::size_t>(i) * static_cast<std::size_t>(s.keys) + static_cast<std::size_t>(j)] = ggml_fp32_to_fp16(j <= s.keys - s.queries + i ? 0.0f : -INFINITY);
    std::vector<float> floats(rows * static_cast<std::size_t>(s.dim));
    for (int c = 0; c < copies; ++c) {
      ggml_tensor* both[2];
      for (ggml_tensor*& each : both) {
        each = ggml_new_tensor_4d(context_.get(), type, s.dim, s.keys, s.kv_heads, 1);
        for (float& x : floats) x = value();
        narrow(type, floats, each->data, s.dim);
      }
      ggml_tensor* const out = ggml_flash_attn_ext(context_.get(), query, both[0], both[1], mask, 1.0f / std::sqrt(static_cast<float>(s.dim)), 0.0f, 0.0f);
      graphs_.push_back(ggml_new_graph(context_.get()));
      ggml_build_forward_expand(graphs_.back(), out);
    }
  }
  void run(int threads) {
    next_ = (next_ + 1) % graphs_.size();
    auto how = plan(graphs_[next_], threads);
    if (work_.size() < how.work_size) work_.resize(how.work_size);
    how.work_data = work_.data();
    ggml_graph_compute(graphs_[next_], &how);
  }

 private:
  struct release {
    void operator()(ggml_context* context) const { ggml_free(context); }
  };
  std::unique_ptr<ggml_context, release> context_;
  std::vector<ggml_cgraph*> graphs_;
  std::vector<std::uint8_t> work_;
  std::size_t next_ = 0;
};

void add(const std::string& name, ggml_type type, const shape& s) {
  const char* const asked = std::getenv("TENON_THREADS");
  const int threads = asked == nullptr ? 1 : std::atoi(asked);
  const std::size_t bytes = 2 * static_cast<std::size_t>(s.keys) * static_cast<std::size_t>(s.kv_heads) * ggml_row_size(type, s.dim);
  benchmark::RegisterBenchmark((name + "/threads:" + std::to_string(threads)).c_str(), [=](benchmark::State& state) {
    operators all(type, s, s.queries == 1 ? static_cast<int>(1 + 200'000'000 / bytes) : 1);
    all.run(threads);
    for (auto _ : state) all.run(threads);
  })->UseRealTime()->Unit(benchmark::kMicrosecond);
}

}  // namespace

int main(int count, char** arguments) {
  const std::pair<const char*, ggml_type> numbers[] = {{"fp32", GGML_TYPE_F32}, {"f16", GGML_TYPE_F16}, {"bf16", GGML_TYPE_BF16}, {"int8", GGML_TYPE_Q8_0}};
  for (const auto& [number, type] : numbers) {
    add(std::string("prefill/") + number + "/d128/16x1024", type, {16, 16, 128, 1024, 1024});
    add(std::string("prefill/") + number + "/d64/16x1024", type, {16, 16, 64, 1024, 1024});
    add(std::string("prefill/") + number + "/d128/8x4096", type, {8, 8, 128, 4096, 4096});
    add(std::string("decode/") + number + "/d128/16on16x32768", type, {16, 16, 128, 1, 32768});
    add(std::string("decode/") + number + "/d128/16on4x32768", type, {16, 4, 128, 1, 32768});
  }
  benchmark::Initialize(&count, arguments);
  benchmark::RunSpecifiedBenchmarks();
}
