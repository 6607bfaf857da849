#pragma once
// What layers that skip work do row by row on a machine, simulated or of PTX, beside a processor: keys that are kept, heads that are chosen, places in
// segments, running means, softmax of rows, a number per head.

#include <algorithm>

#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/launch/gpu/attend_across.hpp>
#include <tenon/kernels/launch/gpu/attend_heads.hpp>
#include <tenon/kernels/launch/gpu/dot_heads.hpp>
#include <tenon/kernels/launch/gpu/kept_keys.hpp>
#include <tenon/kernels/launch/gpu/row_softmax.hpp>
#include <tenon/kernels/launch/gpu/running_mean.hpp>

#include "device_numbers.hpp"

namespace tenon::testing {

template <class Machine>
void check_kept_keys(const Machine& machine) {
  constexpr index_t capacity = 40, tokens = 21, first = 9;
  constexpr heads shape{2, 1, 64, 64};
  const auto gate = noise(tokens, 4), k = noise(tokens * 64, 5), v = noise(tokens * 64, 6);
  const device_numbers<Machine, bf16> memory(machine, 2 * capacity * 64);
  const device_numbers<Machine, std::byte> beside(machine, kept_keys_bytes(machine, capacity));
  const kept_keys<Machine> list(machine, beside.data(), capacity);
  device_cache<2, 1, 64> cache{.data = reinterpret_cast<std::byte*>(memory.data()), .shape = shape, .capacity = capacity};
  const cpu host;
  const buffer host_memory(cache_bytes<bf16>(host, shape, capacity), "cache"), host_beside(kept_keys_bytes(host, capacity), "beside");
  const kept_keys<cpu> on_host(host, host_beside.data(), capacity);
  cache_view<bf16> host_cache{.data = host_memory.data(), .shape = shape, .capacity = capacity};
  const device_numbers on_gate(machine, gate), on_k(machine, k), on_v(machine, v);
  for (const index_t at : {index_t{0}, first}) {
    const device_numbers place(machine, std::vector<std::int32_t>{static_cast<std::int32_t>(at), static_cast<std::int32_t>(at + tokens)});
    append_kept(machine, cache, list, view<const float, 2>(on_gate.data(), tokens, 1), 0.6f, view<const float, 3>(on_k.data(), tokens, 1, 64), view<const float, 3>(on_v.data(), tokens, 1, 64),
                device_place{at, place.data()});
    auto k_rows = k, v_rows = v;
    append_kept(host, host_cache, on_host, view<const float, 2>(gate.data(), tokens, 1), 0.6f, view<float, 3>(k_rows.data(), tokens, 1, 64), view<float, 3>(v_rows.data(), tokens, 1, 64), at);
  }
  const int kept = list.tally->length;
  CHECK((kept == host_cache.length && kept > 2));
  CHECK(list.tally->shift == first + tokens - kept);
  CHECK((list.tally->decided == 2 * tokens && list.tally->left_out > 2));
  for (int i = 0; i < kept; ++i) {
    CHECK(list.positions[i] == on_host.positions[i]);
    CHECK(list.log_gate[i] == doctest::Approx(on_host.log_gate[i]).epsilon(1e-5));
    const index_t from = list.positions[i] - (list.positions[i] >= first ? first : 0);  // where in k and v it came from
    for (index_t d = 0; d < 64; ++d) {
      CHECK(cache.keys()[i * 64 + d] == bf16(k[static_cast<std::size_t>(from * 64 + d)]));
      CHECK(cache.values()[i * 64 + d] == bf16(v[static_cast<std::size_t>(from * 64 + d)]));
    }
  }
  // A fork has what was kept, whatever the host still thinks possible.
  const device_numbers<Machine, std::byte> beside_fork(machine, kept_keys_bytes(machine, capacity));
  kept_keys<Machine> fork(machine, beside_fork.data(), capacity);
  fork.carry(machine, list, first + tokens);
  await(machine);
  CHECK((fork.tally->length == kept && fork.tally->shift == list.tally->shift));
  CHECK((std::equal(list.positions, list.positions + kept, fork.positions) && std::equal(list.log_gate, list.log_gate + kept, fork.log_gate)));
}

template <class Machine>
void check_chosen_heads(const Machine& machine) {
  using leaf = typename Machine::leaf;
  constexpr index_t tokens = 150, dim = 64;
  constexpr int heads_of_q = 8, kv = 2, group = 4;  // more rows of a kv head than a block has threads
  const auto weight = noise(tokens * heads_of_q, 11), q = noise(tokens * heads_of_q * dim, 12);
  const device_numbers on_weight(machine, weight), on_q(machine, q);
  const device_numbers length(machine, std::vector<std::int32_t>{200});
  constexpr index_t most = tokens * group;
  const device_numbers<Machine, row_origin> rows(machine, kv * most);
  const device_numbers<Machine, std::int32_t> slots(machine, tokens * heads_of_q), counts(machine, kv), lengths(machine, kv);
  const device_numbers<Machine, std::ptrdiff_t> offset(machine, kv);
  const device_numbers tally(machine, std::vector<heads_tally>(kv));
  const auto blocks = static_cast<int>(tokens);
  using choose = choose_heads_body<leaf>;
  machine.launch({kv, 1, 1}, {choose::threads}, choose::shared_bytes,
                 choose{on_weight.data(), heads_of_q, 0.3f, blocks, group, heads_of_q, length.data(), {rows.data(), slots.data(), counts.data(), lengths.data(), offset.data(), most}, tally.data()});
  const device_numbers packed(machine, std::vector<bf16>(kv * most * dim));
  machine.launch({blocks, 1, 1}, {gather_heads_body<leaf>::threads}, 0, gather_heads_body<leaf>{on_q.data(), heads_of_q * dim, packed.data(), slots.data(), heads_of_q, group, dim, most});
  std::vector<float> results(kv * most * dim);
  for (std::size_t i = 0; i < results.size(); ++i) results[i] = static_cast<float>(i % 1009);
  const device_numbers on_results(machine, results);
  const device_numbers<Machine, float> out(machine, q.size());
  machine.launch({blocks, 1, 1}, {scatter_heads_body<leaf>::threads}, 0,
                 scatter_heads_body<leaf>{on_results.data(), on_weight.data(), heads_of_q, out.data(), heads_of_q * dim, slots.data(), heads_of_q, group, dim, most});
  for (int g = 0; g < kv; ++g) {
    std::int32_t row = 0;
    for (index_t t = 0; t < tokens; ++t)
      for (int h = g * group; h < (g + 1) * group; ++h) {
        const index_t at = t * heads_of_q + h;
        const float by = weight[static_cast<std::size_t>(at)];
        const bool left_out = by < 0.3f;
        REQUIRE(slots.data()[at] == (left_out ? -1 : row));
        for (index_t d = 0; d < dim; d += 21) {
          const index_t here = at * dim + d, there = (g * most + row) * dim + d;
          if (!left_out) CHECK(packed.data()[there] == bf16(q[static_cast<std::size_t>(here)]));
          CHECK(out.data()[here] == (left_out ? 0.0f : by * results[static_cast<std::size_t>(there)]));
        }
        if (left_out) continue;
        const row_origin& from = rows.data()[g * most + row++];
        CHECK((from.query == 200 - tokens + t && from.head == h));
      }
    CHECK((counts.data()[g] == row && lengths.data()[g] == 200 && offset.data()[g] == g * most - (200 - row)));
    CHECK((tally.data()[g].decided == most && tally.data()[g].left_out == most - row));
  }
}

template <class Machine>
void check_places_in_segments(const Machine& machine) {
  using body = place_tokens_body<typename Machine::leaf>;
  constexpr int tokens = 23, length = 6, most = (tokens + length - 1) / length;
  for (const std::int32_t first : {0, 4, 13}) {
    const device_numbers place(machine, std::vector<std::int32_t>{first, first + tokens});
    const device_numbers<Machine, std::int32_t> rows(machine, tokens), counts(machine, length), lengths(machine, length);
    machine.launch({1, 1, 1}, {body::threads}, 0, body{place.data(), tokens, length, most, rows.data(), counts.data(), lengths.data()});
    std::vector<std::int32_t> seen(length, 0), keys(length, 0);
    for (std::int32_t p = 0; p < first + tokens; ++p) {
      const auto at = static_cast<std::size_t>(p % length);
      ++keys[at];
      if (p < first) continue;
      CHECK(rows.data()[p - first] == p % length * most + seen[at]++);
    }
    CHECK(counts.host() == seen);
    CHECK(lengths.host() == keys);
  }
}

/// The bits of a processor, from 0 and going on.
template <class Machine>
void check_running_means(const Machine& machine) {
  constexpr int tokens = 23, length = 6;
  constexpr index_t width = 140;
  const auto x = noise(tokens * width, 13);
  const device_numbers on_x(machine, x);
  const device_numbers<Machine, float> mean(machine, x.size());
  const cpu host;
  for (const auto which : {mean_of::seen, mean_of::segment, mean_of::block}) {
    const index_t segment = which == mean_of::block ? 0 : length;
    const device_numbers<Machine, std::byte> memory(machine, running_mean_bytes(machine, width));
    running_mean<Machine> state(machine, memory.data(), width, segment);
    const buffer host_memory(running_mean_bytes(host, width), "sums");
    running_mean<cpu> on_host(host, host_memory.data(), width, segment);
    for (const std::int32_t first : {0, tokens}) {
      const device_numbers place(machine, std::vector<std::int32_t>{first, first + tokens});
      follow_mean(machine, state, view<const float, 2>(on_x.data(), tokens, width), view<float, 2>(mean.data(), tokens, width), device_place{first, place.data()}, which);
      std::vector<float> want(x.size());
      follow_mean(host, on_host, view<const float, 2>(x.data(), tokens, width), view<float, 2>(want.data(), tokens, width), first, which);
      CHECK(mean.host() == want);
    }
  }
}

template <class Machine>
void check_softmax_and_dots(const Machine& machine) {
  constexpr index_t tokens = 23, width = 140;
  const auto x = noise(tokens * width, 13), by = noise(2 * 70, 14);
  const cpu host;
  const device_numbers on_rows(machine, x), on_heads(machine, x), on_by(machine, by);
  auto want = x;
  row_softmax(machine, view<float, 2>(on_rows.data(), tokens, width));
  row_softmax(host, view<float, 2>(want.data(), tokens, width));
  CHECK(apart(on_rows.host(), doubles(want)) < 1e-6);

  const device_numbers<Machine, float> dots(machine, tokens * 2);
  std::vector<float> sums(tokens * 2);
  dot_heads(machine, view<const float, 3>(on_heads.data(), tokens, 2, 70), on_by.data(), 0.5f, view<float, 2>(dots.data(), tokens, 2));
  dot_heads(host, view<const float, 3>(x.data(), tokens, 2, 70), by.data(), 0.5f, view<float, 2>(sums.data(), tokens, 2));
  CHECK(apart(dots.host(), doubles(sums)) < 1e-6);
}

}  // namespace tenon::testing
