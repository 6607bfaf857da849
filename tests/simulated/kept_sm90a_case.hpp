#pragma once
// Attention of sm_90a over keys and values of 8 bits, beside the same over what these are as bf16: whoever makes bf16 of them on the way, each number rounded
// once, gives the same bits.

#include <cstring>
#include <limits>

#include "attention_runs.hpp"
#include "sm90a_case.hpp"

namespace tenon::testing {

template <class Plain, class Kept>
struct kept_of : Plain {
  using kept = Kept;
};

/// Keys and values of one problem, [batch, kv_head, key, dim] and behind them the scales [batch, kv_head, key]; and as bf16. Rows differ in size.
template <class Plain, class Kept>
struct kept_case {
  using problem = kept_of<Plain, Kept>;
  using stored = typename kept_number<Kept>::storage;
  attention_case<Plain> plain;
  std::vector<int> lengths;
  device_array<std::byte> keys, values;
  int less = 0;  ///< bytes of shared memory

  kept_case(attention_sizes s, const typename Plain::mask& m, std::vector<int> of_lengths = {})
      : plain(s, m), lengths(std::move(of_lengths)), keys(plain.keys.count + plain.keys.count / Plain::dim * sizeof(float)), values(keys.count) {
    keep(plain.keys, keys), keep(plain.values, values);
  }
  /// Those of sequence b that are not there.
  bool beyond(std::size_t row) const {
    const auto keys_of_head = static_cast<std::size_t>(plain.sizes.keys), batch = row / keys_of_head / static_cast<std::size_t>(plain.sizes.kv_heads);
    return !lengths.empty() && row % keys_of_head >= static_cast<std::size_t>(lengths[batch]);
  }

  /// Whether a warp that brings has all of its rows or none, so that its lanes do the same: accesses of lanes that do not are counted as if they came together.
  bool whole() const { return lengths.empty() && plain.sizes.keys % 32 == 0; }

  attention_tensor_arguments<problem> call() {
    const auto p = with_lengths();
    attention_arguments<problem> a{};
    a.q = p.q, a.out = p.out, a.lengths = p.lengths, a.queries = p.queries, a.length = p.length, a.heads = p.heads, a.kv_heads = p.kv_heads;
    a.q_batch = p.q_batch, a.q_query = p.q_query, a.q_head = p.q_head, a.out_batch = p.out_batch, a.out_query = p.out_query, a.out_head = p.out_head;
    a.cache_batch = p.cache_batch, a.cache_head = p.cache_head, a.mask = p.mask, a.score = p.score, a.weighting = p.weighting;
    a.keys = reinterpret_cast<const stored*>(keys.data()), a.values = reinterpret_cast<const stored*>(values.data()), a.scales = static_cast<index_t>(plain.keys.count);
    return {a, {}};
  }
  attention_arguments<Plain> with_lengths() {
    auto a = plain.arguments();
    if (!lengths.empty()) a.lengths = lengths.data();
    return a;
  }
  template <class Machine>
  void show(const Machine& machine) const {
    machine.readable(keys.data(), keys.bytes(), "kept keys");
    machine.readable(values.data(), values.bytes(), "kept values");
    machine.readable(lengths.data(), lengths.size() * sizeof(int), "lengths");
  }

 private:
  void keep(device_array<bf16>& rows, device_array<std::byte>& to) {
    constexpr std::size_t dim = Plain::dim;
    for (std::size_t row = 0; row < rows.count / dim; ++row) {
      float most = 0, of_row[dim];
      for (std::size_t d = 0; d < dim; ++d) of_row[d] = static_cast<float>(rows.all[row * dim + d]) * (0.5f + static_cast<float>(row % 5) * 0.3f), most = std::max(most, std::abs(of_row[d]));
      const float scale = beyond(row) ? std::numeric_limits<float>::quiet_NaN() : Kept::scale_of(most);
      std::memcpy(to.data() + rows.count + row * sizeof scale, &scale, sizeof scale);
      for (std::size_t d = 0; d < dim; ++d) {
        const stored number = Kept::quantize(of_row[d], scale);
        std::memcpy(to.data() + row * dim + d, &number, 1);
        rows.all[row * dim + d] = bf16(static_cast<float>(number) * scale);
      }
    }
  }
};

/// In both schedules, over the words of the problem or those given.
template <class Plain, class Kept, template <class, class> class Words = sm90a_attention>
void check_kept(kept_case<Plain, Kept> c) {
  using leaf = simulated<sm90a>::leaf;
  using problem = typename kept_case<Plain, Kept>::problem;
  using plain_words = Words<leaf, Plain>;
  using words = Words<leaf, problem>;
  const simulated<sm90a> first({.checks = simulation::checks::results});
  c.show(first);
  c.plain.template launch<plain_words>(first, attention_tensor_body<in_order, leaf, plain_words, Plain>{with_maps<plain_words>(c.with_lengths(), c.plain.sizes.batch)});
  REQUIRE(first.report().clean());
  const auto want = c.plain.out.all;
  for (const order& o : orders)
    for (const bool overlap : {false, true}) {
      const simulated<sm90a> machine({.schedule = o.schedule, .seed = 11, .copies = o.copies});
      c.show(machine);
      if (overlap)
        c.plain.template launch<words>(machine, attention_tensor_body<overlapped, leaf, words, problem>{c.call()});
      else
        c.plain.template launch<words>(machine, attention_tensor_body<in_order, leaf, words, problem>{c.call()});
      CAPTURE(overlap);
      CAPTURE(c.plain.sizes.keys);
      CAPTURE(machine.report().text());
      CHECK(machine.report().clean());
      if (c.whole()) CHECK(machine.report().bank_conflicts == 0);
      CHECK(std::memcmp(want.data(), c.plain.out.all.data(), c.plain.out.bytes()) == 0);
    }
}

}  // namespace tenon::testing
