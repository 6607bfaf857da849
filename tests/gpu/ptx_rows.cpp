// What models do row by row, as the PTX that nvcc makes of it for sm_80, executed and compared with the references in double.
#include "ptx_machine.hpp"

#include <cmath>
#include <random>

#include <tenon/kernels/reference/gate.hpp>
#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/reference/norm.hpp>
#include <tenon/kernels/reference/rotary.hpp>
#include <tenon/runtime/sampling.hpp>

#include "rows_problems.hpp"

namespace {
using kernels = tenon_test::row_kernels<tenon_test::ptx_leaf>;
}
TENON_TEST_KERNELS(TENON_TEST_NAME)

namespace {

using namespace tenon;
using namespace tenon_test;

/// Calls f(machine) for every way of scheduling warps.
template <class F>
void in_every_way(F&& f) {
  static ptx::Module module = ptx::load(TENON_TEST_PTX);
  for (const ptx::Options& way : ptx_ways()) f(ptx_machine(module, way));
}

std::vector<float> noise(index_t count, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(static_cast<std::size_t>(count));
  for (float& x : out) x = normal(random);
  return out;
}
std::vector<double> doubles(const std::vector<float>& of) { return {of.begin(), of.end()}; }
template <class Numbers>
double apart(const Numbers& got, const std::vector<double>& want) {
  double off = 0, size = 0;
  for (std::size_t i = 0; i < want.size(); ++i) off += (static_cast<double>(got[i]) - want[i]) * (static_cast<double>(got[i]) - want[i]), size += want[i] * want[i];
  const double all = std::sqrt(off / size);
  return std::isnan(all) ? INFINITY : all;
}

TEST_CASE("a norm, and after a sum") {
  in_every_way([](const auto& machine) {
    for (const auto& [tokens, width] : {std::pair<index_t, index_t>{3, 576}, {2, 61}}) {
      const auto x = noise(tokens * width), gain = noise(width, 2), addend = noise(tokens * width, 3);
      on_ptx on_x(x, "x"), on_gain(gain, "gain"), on_addend(addend, "addend");
      ptx::Buffer<float> out(x.size(), "out");
      auto exact = doubles(x);
      const auto exact_gain = doubles(gain);
      std::vector<double> want(exact.size());
      const auto answer = [&] { reference::rms_norm(view<const double, 2>(exact.data(), tokens, width), exact_gain.data(), 1e-5, view<double, 2>(want.data(), tokens, width)); };
      answer();
      rms_norm(machine, view<const float, 2>(on_x.data(), tokens, width), on_gain.data(), 1e-5f, view<float, 2>(out.data(), tokens, width));
      CHECK(apart(out, want) < 3e-7);
      for (std::size_t i = 0; i < exact.size(); ++i) exact[i] += static_cast<double>(addend[i]);
      answer();
      add_rms_norm(machine, view<const float, 2>(on_addend.data(), tokens, width), view<float, 2>(on_x.data(), tokens, width), on_gain.data(), 1e-5f, view<float, 2>(out.data(), tokens, width));
      CHECK(apart(out, want) < 3e-7);
      CHECK(apart(on_x, exact) < 1e-7);
    }
  });
}

TEST_CASE("a rotation, near and far, both pairings") {
  in_every_way([](const auto& machine) {
    for (const auto pairs : {halves, interleaved})
      for (const auto& [dim, first] : {std::pair<index_t, int>{64, 0}, {128, 1'000'000}}) {
        const auto x = noise(2 * 3 * dim);
        on_ptx on(x, "x");
        on_ptx place(std::vector<std::int32_t>{first, first + 2}, "place");
        auto want = doubles(x);
        reference::rotate(1e5, dim, pairs, view<double, 3>(want.data(), 2, 3, dim), first);
        rotate(machine, rotary{.theta = 1e5f, .pairing = pairs}, view<float, 3>(on.data(), 2, 3, dim), device_place{first, place.data()});
        CHECK(apart(on, want) < 2e-7);
      }
  });
}

TEST_CASE("gates") {
  in_every_way([](const auto& machine) {
    const auto check = [&](const auto& how) {
      const index_t hidden = 523;
      const auto gate = noise(hidden, 5), up = noise(hidden, 6);
      on_ptx on_gate(gate, "gate"), on_up(up, "up");
      const auto exact_gate = doubles(gate), exact_up = doubles(up);
      std::vector<double> want(up.size());
      reference::open_gate(how, view<const double, 2>(exact_gate.data(), 1, hidden), view<const double, 2>(exact_up.data(), 1, hidden), view<double, 2>(want.data(), 1, hidden));
      const view<float, 2> in_place(on_up.data(), 1, hidden);
      open_gate(machine, how, view<const float, 2>(on_gate.data(), 1, hidden), in_place, in_place);
      CHECK(apart(on_up, want) < 1e-6);
    };
    check(swiglu{});
    check(gelu{});
  });
}

TEST_CASE("keys and values appended") {
  in_every_way([](const auto& machine) {
    constexpr index_t capacity = 5, tokens = 2, first = 3;
    ptx::Buffer<bf16> memory(2 * 2 * capacity * 64, "cache");
    device_cache<4, 2, 64> cache{.data = reinterpret_cast<std::byte*>(memory.data()), .capacity = capacity};
    const auto k = noise(tokens * 2 * 64, 7), v = noise(tokens * 2 * 64, 8);
    on_ptx on_k(k, "k"), on_v(v, "v");
    on_ptx place(std::vector<std::int32_t>{3, 5}, "place");
    append(machine, cache, view<const float, 3>(on_k.data(), tokens, 2, 64), view<const float, 3>(on_v.data(), tokens, 2, 64), device_place{first, place.data()});
    for (index_t h = 0; h < 2; ++h)
      for (index_t key = first; key < first + tokens; ++key)
        for (index_t d = 0; d < 64; ++d) {
          const auto at = static_cast<std::size_t>((h * capacity + key) * 64 + d), from = static_cast<std::size_t>(((key - first) * 2 + h) * 64 + d);
          CHECK(cache.keys()[at] == bf16(k[from]));
          CHECK(cache.values()[at] == bf16(v[from]));
        }
  });
}

TEST_CASE("keys and values appended in turn to the caches of places") {
  in_every_way([](const auto& machine) {
    constexpr index_t capacity = 4, tokens = 7, first = 3, places = 3, apart = 2 * capacity * 64;
    ptx::Buffer<bf16> memory(places * apart, "caches");
    const device_cache<2, 1, 64> cache{.data = reinterpret_cast<std::byte*>(memory.data()), .capacity = capacity};
    const auto k = noise(tokens * 64, 7), v = noise(tokens * 64, 8);
    on_ptx on_k(k, "k"), on_v(v, "v");
    on_ptx place(std::vector<std::int32_t>{first, first + tokens}, "place");
    kernel_detail::append_rows(machine, cache, view<const float, 3>(on_k.data(), tokens, 1, 64), view<const float, 3>(on_v.data(), tokens, 1, 64), place.data(), nullptr, places, apart);
    for (index_t t = 0; t < tokens; ++t)
      for (index_t d = 0; d < 64; ++d) {
        const index_t at = (first + t) % places * apart + (first + t) / places * 64 + d;
        CHECK(cache.keys()[at] == bf16(k[static_cast<std::size_t>(t * 64 + d)]));
        CHECK(cache.values()[at] == bf16(v[static_cast<std::size_t>(t * 64 + d)]));
      }
  });
}

TEST_CASE("keys that are kept, those of a processor, after some were forgotten too") {
  in_every_way([](const auto& machine) {
    constexpr index_t capacity = 40, tokens = 21, first = 9;
    constexpr heads shape{2, 1, 64, 64};
    const auto gate = noise(tokens, 4), k = noise(tokens * 64, 5), v = noise(tokens * 64, 6);
    ptx::Buffer<bf16> memory(2 * capacity * 64, "cache");
    ptx::Buffer<std::byte> beside(kept_keys_bytes(machine, capacity), "beside");
    const kept_keys<ptx_machine> list(machine, beside.data(), capacity);
    device_cache<2, 1, 64> cache{.data = reinterpret_cast<std::byte*>(memory.data()), .shape = shape, .capacity = capacity};
    const cpu host;
    const buffer host_memory(cache_bytes<bf16>(host, shape, capacity), "cache"), host_beside(kept_keys_bytes(host, capacity), "beside");
    const kept_keys<cpu> on_host(host, host_beside.data(), capacity);
    cache_view<bf16> host_cache{.data = host_memory.data(), .shape = shape, .capacity = capacity};
    on_ptx on_gate(gate, "gate"), on_k(k, "k"), on_v(v, "v");
    for (const index_t at : {index_t{0}, first}) {
      on_ptx place(std::vector<std::int32_t>{static_cast<std::int32_t>(at), static_cast<std::int32_t>(at + tokens)}, "place");
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
  });
}

TEST_CASE("heads that are chosen, their rows packed and brought home") {
  in_every_way([](const auto& machine) {
    constexpr index_t tokens = 150, dim = 64;
    constexpr int heads_of_q = 8, kv = 2, group = 4;  // more rows of a kv head than a block has threads
    const auto weight = noise(tokens * heads_of_q, 11), q = noise(tokens * heads_of_q * dim, 12);
    on_ptx on_weight(weight, "weight"), on_q(q, "q");
    on_ptx length(std::vector<std::int32_t>{200}, "length");
    constexpr index_t most = tokens * group;
    ptx::Buffer<row_origin> rows(kv * most, "rows");
    ptx::Buffer<std::int32_t> slots(tokens * heads_of_q, "slots"), counts(kv, "counts"), lengths(kv, "lengths");
    ptx::Buffer<std::ptrdiff_t> offset(kv, "offset");
    ptx::Buffer<heads_tally> tally(kv, "tally");
    for (heads_tally* t = tally.data(); t != tally.data() + kv; ++t) *t = {};
    using choose = choose_heads_body<ptx_leaf>;
    machine.launch({kv, 1, 1}, {choose::threads}, choose::shared_bytes,
                   choose{on_weight.data(), heads_of_q, 0.3f, tokens, group, heads_of_q, length.data(), {rows.data(), slots.data(), counts.data(), lengths.data(), offset.data(), most}, tally.data()});
    ptx::Buffer<bf16> packed(kv * most * dim, "packed");
    machine.launch({tokens, 1, 1}, {gather_heads_body<ptx_leaf>::threads}, 0, gather_heads_body<ptx_leaf>{on_q.data(), heads_of_q * dim, packed.data(), slots.data(), heads_of_q, group, dim, most});
    ptx::Buffer<float> results(kv * most * dim, "results"), out(q.size(), "out");
    for (std::size_t i = 0; i < results.size(); ++i) results[i] = static_cast<float>(i % 1009);
    machine.launch({tokens, 1, 1}, {scatter_heads_body<ptx_leaf>::threads}, 0,
                   scatter_heads_body<ptx_leaf>{results.data(), on_weight.data(), heads_of_q, out.data(), heads_of_q * dim, slots.data(), heads_of_q, group, dim, most});
    for (int g = 0; g < kv; ++g) {
      std::int32_t row = 0;
      for (index_t t = 0; t < tokens; ++t)
        for (int h = g * group; h < (g + 1) * group; ++h) {
          const auto at = static_cast<std::size_t>(t * heads_of_q + h);
          const bool left_out = weight[at] < 0.3f;
          REQUIRE(slots[at] == (left_out ? -1 : row));
          for (index_t d = 0; d < dim; d += 21) {
            const auto here = at * static_cast<std::size_t>(dim) + static_cast<std::size_t>(d), there = static_cast<std::size_t>((g * most + row) * dim + d);
            if (!left_out) CHECK(packed[there] == bf16(q[here]));
            CHECK(out[here] == (left_out ? 0.0f : weight[at] * results[there]));
          }
          if (left_out) continue;
          const row_origin& from = rows[static_cast<std::size_t>(g * most + row++)];
          CHECK((from.query == 200 - tokens + t && from.head == h));
        }
      const auto i = static_cast<std::size_t>(g);
      CHECK((counts[i] == row && lengths[i] == 200 && offset[i] == g * most - (200 - row)));
      CHECK((tally[i].decided == most && tally[i].left_out == most - row));
    }
  });
}

TEST_CASE("places of tokens in segments, running means, softmax of rows, a number per head") {
  in_every_way([](const auto& machine) {
    constexpr int tokens = 23, length = 6, most = (tokens + length - 1) / length;
    for (const std::int32_t first : {0, 4, 13}) {
      on_ptx place(std::vector<std::int32_t>{first, first + tokens}, "place");
      ptx::Buffer<std::int32_t> rows(tokens, "rows"), counts(length, "counts"), lengths(length, "lengths");
      machine.launch({1, 1, 1}, {place_tokens_body<ptx_leaf>::threads}, 0,
                     place_tokens_body<ptx_leaf>{place.data(), tokens, length, most, rows.data(), counts.data(), lengths.data()});
      std::vector<std::int32_t> seen(length, 0), keys(length, 0);
      for (std::int32_t p = 0; p < first + tokens; ++p) {
        const auto at = static_cast<std::size_t>(p % length);
        ++keys[at];
        if (p < first) continue;
        CHECK(rows[static_cast<std::size_t>(p - first)] == p % length * most + seen[at]++);
      }
      for (std::size_t i = 0; i < length; ++i) CHECK((counts[i] == seen[i] && lengths[i] == keys[i]));
    }

    constexpr index_t width = 140;
    const auto x = noise(tokens * width, 13);
    on_ptx on_x(x, "x");
    ptx::Buffer<float> mean(x.size(), "mean");
    const cpu host;
    for (const auto which : {mean_of::seen, mean_of::segment, mean_of::block}) {
      const index_t segment = which == mean_of::block ? 0 : length;
      ptx::Buffer<std::byte> memory(running_mean_bytes(machine, width), "sums");
      running_mean<ptx_machine> state(machine, memory.data(), width, segment);
      const buffer host_memory(running_mean_bytes(host, width), "sums");
      running_mean<cpu> on_host(host, host_memory.data(), width, segment);
      for (const std::int32_t first : {0, tokens}) {
        on_ptx place(std::vector<std::int32_t>{first, first + tokens}, "place");
        follow_mean(machine, state, view<const float, 2>(on_x.data(), tokens, width), view<float, 2>(mean.data(), tokens, width), device_place{first, place.data()}, which);
        std::vector<float> want(x.size());
        follow_mean(host, on_host, view<const float, 2>(x.data(), tokens, width), view<float, 2>(want.data(), tokens, width), first, which);
        CHECK(std::equal(want.begin(), want.end(), mean.data()));
      }
    }

    auto want = x;
    row_softmax(machine, view<float, 2>(on_x.data(), tokens, width));
    row_softmax(host, view<float, 2>(want.data(), tokens, width));
    CHECK(apart(on_x, doubles(want)) < 1e-6);

    const auto by = noise(2 * 70, 14);
    on_ptx on_heads(x, "x"), on_by(by, "by");
    ptx::Buffer<float> dots(tokens * 2, "dots");
    std::vector<float> sums(tokens * 2);
    dot_heads(machine, view<const float, 3>(on_heads.data(), tokens, 2, 70), on_by.data(), 0.5f, view<float, 2>(dots.data(), tokens, 2));
    dot_heads(host, view<const float, 3>(x.data(), tokens, 2, 70), by.data(), 0.5f, view<float, 2>(sums.data(), tokens, 2));
    CHECK(apart(dots, doubles(sums)) < 1e-6);
  });
}

TEST_CASE("the tokens that the processor draws") {
  in_every_way([](const auto& machine) {
    constexpr index_t count = 537;
    auto logits = noise(count);
    for (float& x : logits) x = std::round(x * 8) / 4;
    for (const sampling& how : {sampling{}, sampling{.temperature = 0.8f, .seed = 1}, sampling{.temperature = 1.2f, .top_k = 40, .top_p = 0.9f, .min_p = 0.02f, .repetition_penalty = 1.3f, .seed = 2}}) {
      ptx::Buffer<std::uint64_t> memory(draws_bytes(machine, count) / 8, "draws");
      std::vector<std::int32_t> recent{0, 5, 536};
      draws* const on = begin_draws(machine, how, recent.data(), 3, count, reinterpret_cast<std::byte*>(memory.data()));
      sampler draw(how, static_cast<int>(count));
      for (int i = 0; i < 3; ++i) {
        on_ptx row(logits, "logits");
        sample(machine, view<float, 2>(row.data(), 1, count), on);
        recent.push_back(draw(logits.data(), recent));
        CHECK(on->token == recent.back());
      }
    }
  });
}

}  // namespace
