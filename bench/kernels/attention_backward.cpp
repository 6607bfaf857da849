// The gradients of attention: five products, bound by multiply-adds, of bf16 pairs where keys and values are bf16 and the program has a fast dot
// instruction, else of fp32. Operations are counted for the scores that the mask keeps and no others.
//
// Beside it, PyTorch's backward of scaled_dot_product_attention, the only peer on processors (llama.cpp has none):
//   python bench/kernels/attention_backward_torch.py --threads 1
// On one thread of a Xeon of the Sapphire Rapids kind, shared with other work, not interleaved, causal 16 x 1,024, in ms:
//   fp32 d 128: 132 to 137, 49 to 59 % of the limit seen beside it; PyTorch 250 (least) to 264 (median)
//   fp32 d 64: 70 to 77, 44 to 48 %; PyTorch 125 to 128
// On one thread of a Zen 5, real-time priority: README.md.

#include <memory>
#include <random>
#include <string>
#include <vector>

#include <tenon/bench.hpp>
#include <tenon/kernels/launch/attention_backward.hpp>

namespace {

using namespace tenon;

template <class Number>
struct problem {
  template <class Mask, class Score>
  problem(const cpu& machine, heads s, index_t count, const Mask& mask, const Score& score) : shape(s), tokens(count), scratch(attention_backward_scratch<Score>(machine, s, count, count)) {
    std::mt19937 random(1);
    const auto fill = [&](auto& to, index_t of) {
      to.resize(static_cast<std::size_t>(of));
      for (auto& x : to) x = std::remove_reference_t<decltype(x)>(static_cast<float>(random() % 2001) * 1e-3f - 1);
    };
    fill(q, tokens * s.query * s.dim), fill(k, tokens * s.kv * s.dim), fill(v, tokens * s.kv * s.dim_v), fill(d_out, tokens * s.query * s.dim_v);
    out.resize(d_out.size()), sums.resize(static_cast<std::size_t>(tokens * s.query)), dq.resize(q.size()), dk.resize(k.size()), dv.resize(v.size());
    attend(machine, view<const Number, 4>(of(q.data(), s.query, s.dim)), view<const Number, 4>(of(k.data(), s.kv, s.dim)), view<const Number, 4>(of(v.data(), s.kv, s.dim_v)),
           of(out.data(), s.query, s.dim_v), mask, score, softmax{}, fixed_split{}, view<float, 3>(sums.data(), 1, tokens, s.query));
  }
  template <class T>
  view<T, 4> of(T* data, int head_count, int dim) const {
    return view<T, 4>(data, 1, tokens, head_count, dim);
  }
  template <class Mask, class Score>
  void run(const cpu& machine, const Mask& mask, const Score& score) {
    const attention_pass pass{.q = of(q.data(), shape.query, shape.dim),
                                      .k = of(k.data(), shape.kv, shape.dim),
                                      .v = of(v.data(), shape.kv, shape.dim_v),
                                      .out = of(out.data(), shape.query, shape.dim_v),
                                      .log_sum_exp = view<const float, 3>(sums.data(), 1, tokens, shape.query),
                                      .d_out = of(d_out.data(), shape.query, shape.dim_v)};
    const attention_gradients to{.q = of(dq.data(), shape.query, shape.dim), .k = of(dk.data(), shape.kv, shape.dim), .v = of(dv.data(), shape.kv, shape.dim_v)};
    attend_backward(machine, pass, to, mask, score, softmax{}, fixed_split{}, scratch.data());
  }

  heads shape;
  index_t tokens;
  buffer scratch;
  std::vector<Number> q, k, v, d_out, out, dq, dk, dv;
  std::vector<float> sums;
};

template <class Number, class Mask, class Score = scaled>
void add(const std::string& name, const cpu& machine, heads shape, index_t tokens, const Mask& mask, const Score& score = {}) {
  const auto data = std::make_shared<problem<Number>>(machine, shape, tokens, mask, score);
  double kept = 0;
  for (int i = 0; i < static_cast<int>(tokens); ++i)
    for (int j = 0; j < static_cast<int>(tokens); ++j) kept += mask.keep({.query = i, .key = j}) ? 1 : 0;
  const double operations = 2.0 * shape.query * (3 * shape.dim + 2 * shape.dim_v) * kept;
  constexpr auto kind = std::is_same_v<Number, bf16> ? bench::arithmetic::bf16 : bench::arithmetic::fp32;
  bench::add(name, machine, {.operations = operations, .kind = kind, .items = static_cast<double>(tokens)}, [=] { data->run(machine, mask, score); });
}

void add_all(const cpu& machine) {
  add<float>("backward/fp32/d128/16x1024", machine, {16, 16, 128, 128}, 1024, causal{});
  add<bf16>("backward/bf16/d128/16x1024", machine, {16, 16, 128, 128}, 1024, causal{});
  add<bf16>("backward/bf16/d64/16x1024", machine, {16, 16, 64, 64}, 1024, causal{});
  add<float>("backward/fp32/d64/16x1024", machine, {16, 16, 64, 64}, 1024, causal{});
  add<float>("backward/fp32/d64/9on3x512", machine, {9, 3, 64, 64}, 512, causal{});
  add<float>("backward/fp32/d128/8x2048/window256", machine, {8, 8, 128, 128}, 2048, causal{} & window{.width = 256});
  add<float>("backward/fp32/d128/16x1024/soft_cap", machine, {16, 16, 128, 128}, 1024, causal{}, soft_cap{.cap = 50.0f});
}

}  // namespace

int main(int count, char** words) {
  const int all = cpu().threads();
  add_all(cpu({.threads = 1}));
  if (all > 1) add_all(cpu({.threads = all}));
  return bench::run(count, words);
}
