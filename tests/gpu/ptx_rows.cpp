// What models do row by row, as the PTX that nvcc makes of it for sm_80, executed and compared with the references in double.
#include "ptx_machine.hpp"

#include <tenon/kernels/reference/gate.hpp>
#include <tenon/kernels/launch/gpu/products.hpp>
#include <tenon/kernels/reference/norm.hpp>
#include <tenon/kernels/reference/rotary.hpp>
#include <tenon/runtime/sampling.hpp>

#include "../parity/matmul_cases.hpp"
#include "../support/skipping_rows.hpp"
#include "rows_problems.hpp"

namespace {
using kernels = tenon_test::row_kernels<tenon_test::ptx_leaf>;
}
TENON_TEST_KERNELS(TENON_TEST_NAME)

namespace {

using namespace tenon;
using namespace tenon::testing;
using namespace tenon_test;

/// Calls f(machine) for every way of scheduling warps.
template <class F>
void in_every_way(F&& f) {
  static ptx::Module module = ptx::load(TENON_TEST_PTX);
  for (const ptx::Options& way : ptx_ways()) f(ptx_machine(module, way));
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

TEST_CASE("rows of a table, in every storage") {
  in_every_way([](const auto& machine) {
    std::mt19937 random(4);
    for (const storage kind : every_storage) {
      CAPTURE(std::string(name(kind)));
      const index_t rows = 37, width = block_values(kind) == 1 ? 101 : 2 * block_values(kind);
      const matmul_cases::matrix of(kind, rows, width, random);
      const device_numbers<ptx_machine, std::byte> memory(machine, packed_bytes(machine, kind, compute::bf16, rows, width));
      const packed_matrix packed = pack(machine, of.stored, compute::bf16, memory.data());
      const std::vector<std::int32_t> chosen{0, 36, 17, 16, 15};
      const device_numbers tokens(machine, chosen);
      const device_numbers<ptx_machine, float> out(machine, chosen.size() * static_cast<std::size_t>(width));
      embed(machine, lookup_table(machine, of.stored, &packed, nullptr), tokens.data(), view<float, 2>(out.data(), 5, width));
      std::vector<float> want(out.host().size());
      for (std::size_t i = 0; i < chosen.size(); ++i) of.stored.decode_row(chosen[i], want.data() + i * static_cast<std::size_t>(width));
      if (packed.kind == storage::bf16)
        for (float& value : want) value = static_cast<float>(bf16(value));
      CHECK(apart(out.host(), doubles(want)) < 2e-6);
    }
  });
}

TEST_CASE("keys that are kept, those of a processor, after some were forgotten too") {
  in_every_way([](const auto& machine) { check_kept_keys(machine); });
}
TEST_CASE("heads that are chosen, their rows packed and brought home") {
  in_every_way([](const auto& machine) { check_chosen_heads(machine); });
}
TEST_CASE("places of tokens in segments, running means, softmax of rows, a number per head") {
  in_every_way([](const auto& machine) {
    check_places_in_segments(machine);
    check_running_means(machine);
    check_softmax_and_dots(machine);
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
