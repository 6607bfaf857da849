// Attention: prefill is bound by multiply-adds, of bf16 pairs where the cache holds bf16 or 8 bits and the program has a fast dot
// instruction, else of fp32; decode by reading the cache. Operations are counted for the scores that the mask keeps and no others.
// Quiet timings, on one thread and on two: chrt -f 50 taskset -c 1 bench_kernels_attention; chrt -f 50 bench_kernels_attention.

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
  for (index_t i = keys - queries; i < keys; ++i) {
    int row = 0;
    for (index_t j = 0; j < keys; ++j) row += mask.keep({.query = static_cast<int>(i), .key = static_cast<int>(j)}) ? 1 : 0;
    count += row;
  }
  return count;
}

template <class Number>
constexpr bench::arithmetic arithmetic_of() {
  return std::is_same_v<Number, float> || std::is_same_v<Number, f16> ? bench::arithmetic::fp32 : bench::arithmetic::bf16;
}

// The operands of the line that runs: of one at a time.
std::shared_ptr<void> in_use;

template <class Number, class Mask, class Score = scaled>
void add(const std::string& name, const cpu& machine, heads shape, index_t queries, index_t keys, const Mask& mask, const Score& score = {}) {
  const double bytes = static_cast<double>(keys * shape.kv * (cached_row_bytes<Number>(shape.dim) + cached_row_bytes<Number>(shape.dim_v)));
  const bool decode = queries == 1;
  const double operations = 2.0 * shape.query * (shape.dim + shape.dim_v) * kept(mask, queries, keys);
  const auto made = std::make_shared<std::weak_ptr<problem<Number>>>();
  bench::add(name, machine, {.operations = operations, .bytes = decode ? bytes : 0, .kind = arithmetic_of<Number>(), .items = static_cast<double>(queries)}, [=] {
    if (made->expired()) {
      in_use.reset();
      const auto data = std::make_shared<problem<Number>>(machine, shape, queries, keys, decode ? static_cast<unsigned>(1 + 2e8 / bytes) : 1);
      *made = data, in_use = data;
    }
    auto& now = *static_cast<problem<Number>*>(in_use.get());
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

struct own_causal {  // the same tiles as causal
  constexpr bool keep(position p) const { return p.key <= p.query; }
  constexpr cover covers(tile t) const { return t.k1 - 1 <= t.q0 ? cover::all : t.k0 > t.q1 - 1 ? cover::none : cover::some; }
};

template <class Number>
void add_prefill(const std::string& number, const cpu& machine) {
  add<Number>("prefill/" + number + "/d128/16x1024", machine, {16, 16, 128, 128}, 1024, 1024, causal{});
  add<Number>("prefill/" + number + "/d64/16x1024", machine, {16, 16, 64, 64}, 1024, 1024, causal{});
  add<Number>("prefill/" + number + "/d128/8x4096", machine, {8, 8, 128, 128}, 4096, 4096, causal{});
}
template <class Number>
void add_decode(const std::string& number, const cpu& machine) {
  add<Number>("decode/" + number + "/d128/16on16x32768", machine, {16, 16, 128, 128}, 1, 32768, causal{});
  add<Number>("decode/" + number + "/d128/16on4x32768", machine, {16, 4, 128, 128}, 1, 32768, causal{});
  add<Number>("decode/" + number + "/d128/32on4x32768", machine, {32, 4, 128, 128}, 1, 32768, causal{});
}
// Masks and scores: all tiles, then those of windows, documents and a bitmap, whose time should go with what they keep.
template <class Number>
void add_variants(const std::string& number, const cpu& machine) {
  const heads shape{8, 8, 128, 128};
  const std::string name = "variant/" + number + "/d128/8x4096/";
  static const std::vector<std::int32_t> documents = [] {
    std::vector<std::int32_t> ids(4096);
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i / 600);
    return ids;
  }();
  static const std::vector<std::uint8_t> blocks = [] {
    std::mt19937 random(5);
    std::vector<std::uint8_t> kept(32 * 32);
    for (auto& each : kept) each = random() % 4 == 0;
    return kept;
  }();
  add<Number>(name + "window2048", machine, shape, 4096, 4096, causal{} & window{.width = 2048});
  add<Number>(name + "window1024", machine, shape, 4096, 4096, causal{} & window{.width = 1024});
  add<Number>(name + "window256", machine, shape, 4096, 4096, causal{} & window{.width = 256});
  add<Number>(name + "document", machine, shape, 4096, 4096, causal{} & document{documents.data()});
  add<Number>(name + "block_sparse", machine, shape, 4096, 4096, block_sparse{.blocks = blocks.data(), .rows = 32, .columns = 32, .query_block = 128, .key_block = 128});
  add<Number>(name + "user_causal", machine, shape, 4096, 4096, own_causal{});
  add<Number>("variant/" + number + "/d128/16x1024/soft_cap", machine, {16, 16, 128, 128}, 1024, 1024, causal{}, soft_cap{.cap = 50.0f});
  add<Number>("variant/" + number + "/d128/16x1024/user_alibi", machine, {16, 16, 128, 128}, 1024, 1024, causal{}, own_alibi{0.01f});
}

void add_all(const cpu& machine) {
  add_prefill<float>("fp32", machine);
  add_prefill<bf16>("bf16", machine);
  add_prefill<int8_per_128>("int8", machine);
  add<e4m3_per_128>("prefill/e4m3/d128/16x1024", machine, {16, 16, 128, 128}, 1024, 1024, causal{});
  add<bf16>("prefill/bf16/d64/9on3x512", machine, {9, 3, 64, 64}, 512, 512, causal{});
  add_decode<float>("fp32", machine);
  add_decode<bf16>("bf16", machine);
  add_decode<int8_per_128>("int8", machine);
  add<int8_per_32>("decode/int8_per_32/d128/16on16x32768", machine, {16, 16, 128, 128}, 1, 32768, causal{});
  add<e4m3_per_128>("decode/e4m3/d128/16on16x32768", machine, {16, 16, 128, 128}, 1, 32768, causal{});
  add<bf16>("decode/bf16/d64/9on3x1024", machine, {9, 3, 64, 64}, 1, 1024, causal{});
  add_variants<float>("fp32", machine);
  add_variants<bf16>("bf16", machine);
}

}  // namespace

int main(int count, char** words) {
  const int all = cpu().threads();
  add_all(cpu({.threads = 1}));
  if (all > 1) add_all(cpu({.threads = all}));
  return bench::run(count, words);
}
