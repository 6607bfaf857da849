// Attention: prefill is bound by multiply-adds (in fp32 whatever the cache holds), decode by reading the cache. Operations are
// counted for the scores that the mask keeps and no others.

#include <memory>
#include <random>
#include <string>
#include <vector>

#include <tenon/bench.hpp>
#include <tenon/kernels/launch/attention.hpp>

namespace {

using namespace tenon;

template <class Number>
struct problem {
  problem(const cpu& machine, heads s, index_t query_count, index_t keys, unsigned copies)
      : shape(s), queries(query_count), scratch(attention_scratch(machine, s, queries, keys)) {
    std::mt19937 random(1);
    const auto fill = [&](std::vector<float>& to, index_t count) {
      to.resize(static_cast<std::size_t>(count));
      for (float& x : to) x = static_cast<float>(random() % 2001) * 1e-3f - 1;
    };
    std::vector<float> k, v;
    fill(q, queries * shape.query * shape.dim), fill(k, keys * shape.kv * shape.dim), fill(v, keys * shape.kv * shape.dim_v);
    out.resize(static_cast<std::size_t>(queries * shape.query * shape.dim_v));
    for (unsigned i = 0; i < copies; ++i) {
      memory.emplace_back(cache_bytes<Number>(machine, shape, keys));
      caches.push_back({.data = memory.back().data(), .shape = shape, .capacity = keys, .length = 0});
      append(machine, caches.back(), view<const float, 3>(k.data(), keys, shape.kv, shape.dim), view<const float, 3>(v.data(), keys, shape.kv, shape.dim_v), 0);
    }
  }
  view<const float, 3> query() const { return view<const float, 3>(q.data(), queries, shape.query, shape.dim); }
  view<float, 3> result() { return view<float, 3>(out.data(), queries, shape.query, shape.dim_v); }

  heads shape;
  index_t queries;
  buffer scratch;
  std::vector<float> q, out;
  std::vector<buffer> memory;
  std::vector<cache_view<Number>> caches;  // one after the other, so that decode reads from memory
  std::size_t next = 0;
};

template <class Mask>
double kept(const Mask& mask, index_t queries, index_t keys) {
  double count = 0;
  for (index_t i = keys - queries; i < keys; ++i)
    for (index_t j = 0; j < keys; ++j) count += mask.keep({.query = static_cast<int>(i), .key = static_cast<int>(j)}) ? 1 : 0;
  return count;
}

template <class Number, class Mask, class Score = scaled>
void add(const std::string& name, const cpu& machine, heads shape, index_t queries, index_t keys, const Mask& mask, const Score& score = {}) {
  const double bytes = static_cast<double>(keys * shape.kv * (cached_row_bytes<Number>(shape.dim) + cached_row_bytes<Number>(shape.dim_v)));
  const bool decode = queries == 1;
  const auto data = std::make_shared<problem<Number>>(machine, shape, queries, keys, decode ? static_cast<unsigned>(1 + 2e8 / bytes) : 1);
  const double operations = 2.0 * shape.query * (shape.dim + shape.dim_v) * kept(mask, queries, keys);
  bench::add(name, machine, {.operations = operations, .bytes = decode ? bytes : 0, .items = static_cast<double>(queries)}, [=] {
    auto& now = *data;
    now.next = (now.next + 1) % now.caches.size();
    attend<0, 0>(machine, now.query(), now.caches[now.next], now.result(), mask, score, now.scratch.data());
  });
}

struct own_alibi {  // as a user writes it
  float slope;
  template <class T>
  T adjust(T s, position p) const {
    return s - T(slope * static_cast<float>(p.query - p.key));
  }
};

void add_all(const cpu& machine) {
  add<float>("prefill/fp32/d128/16x1024", machine, {16, 16, 128, 128}, 1024, 1024, causal{});
  add<bf16>("prefill/bf16/d128/16x1024", machine, {16, 16, 128, 128}, 1024, 1024, causal{});
  add<int8_per_128>("prefill/int8/d128/16x1024", machine, {16, 16, 128, 128}, 1024, 1024, causal{});
  add<bf16>("prefill/bf16/d64/16x1024", machine, {16, 16, 64, 64}, 1024, 1024, causal{});
  add<bf16>("prefill/bf16/d64/9on3x512", machine, {9, 3, 64, 64}, 512, 512, causal{});
  add<bf16>("prefill/bf16/d128/8x4096/window1024", machine, {8, 8, 128, 128}, 4096, 4096, causal{} & window{.width = 1024});
  add<bf16>("prefill/bf16/d128/16x1024/soft_cap", machine, {16, 16, 128, 128}, 1024, 1024, causal{}, soft_cap{.cap = 50.0f});
  add<bf16>("prefill/bf16/d128/16x1024/user_alibi", machine, {16, 16, 128, 128}, 1024, 1024, causal{}, own_alibi{0.01f});
  add<bf16>("decode/bf16/d128/16on16x32768", machine, {16, 16, 128, 128}, 1, 32768, causal{});
  add<int8_per_128>("decode/int8/d128/16on16x32768", machine, {16, 16, 128, 128}, 1, 32768, causal{});
  add<int8_per_32>("decode/int8_per_32/d128/16on16x32768", machine, {16, 16, 128, 128}, 1, 32768, causal{});
  add<e4m3_per_128>("decode/e4m3/d128/16on16x32768", machine, {16, 16, 128, 128}, 1, 32768, causal{});
  add<float>("decode/fp32/d128/16on16x8192", machine, {16, 16, 128, 128}, 1, 8192, causal{});
  add<bf16>("decode/bf16/d128/16on4x32768", machine, {16, 4, 128, 128}, 1, 32768, causal{});
  add<int8_per_128>("decode/int8/d128/16on4x32768", machine, {16, 4, 128, 128}, 1, 32768, causal{});
  add<bf16>("decode/bf16/d64/9on3x1024", machine, {9, 3, 64, 64}, 1, 1024, causal{});
}

}  // namespace

int main(int count, char** words) {
  const int all = cpu().threads();
  add_all(cpu({.threads = 1}));
  if (all > 1) add_all(cpu({.threads = all}));
  return bench::run(count, words);
}
