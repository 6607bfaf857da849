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
