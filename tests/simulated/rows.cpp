// What a model does row by row on a GPU, executed on both architectures against the references in double: norms, rotations, embedding rows,
// gates, appending to a cache; and what layers that skip work decide there, beside a processor.
#include "device_case.hpp"

#include <limits>

#include <tenon/kernels/reference/gate.hpp>
#include <tenon/kernels/reference/norm.hpp>
#include <tenon/kernels/reference/rotary.hpp>

#include "../support/skipping_rows.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("a norm, in place too, and after a sum; rows of any width and distance") {
  on_simulated_gpus([](const auto& machine) {
    for (const auto& [tokens, width, stride] : {std::tuple<index_t, index_t, index_t>{3, 576, 576}, {2, 5, 9}, {1, 1, 1}, {2, 1030, 1032}}) {
      CAPTURE(width);
      const auto x = noise(tokens * stride), gain = noise(width, 2), addend = noise(tokens * width, 3);
      const device_numbers on_x(machine, x), on_gain(machine, gain), on_addend(machine, addend);
      const device_numbers<std::remove_cvref_t<decltype(machine)>, float> out(machine, static_cast<std::size_t>(tokens * width));
      view<float, 2> in(on_x.data(), tokens, width);
      in.stride[0] = stride;
      view<const double, 2> of(nullptr, tokens, width);
      auto exact = doubles(x);
      const auto exact_gain = doubles(gain);
      of.data = exact.data(), of.stride[0] = stride;
      std::vector<double> want(static_cast<std::size_t>(tokens * width));
      reference::rms_norm(of, exact_gain.data(), 1e-5, view<double, 2>(want.data(), tokens, width));

      rms_norm(machine, in, on_gain.data(), 1e-5f, view<float, 2>(out.data(), tokens, width));
      CHECK(apart(out.host(), want) < 3e-7);

      for (index_t t = 0; t < tokens; ++t)
        for (index_t i = 0; i < width; ++i) exact[static_cast<std::size_t>(t * stride + i)] += static_cast<double>(addend[static_cast<std::size_t>(t * width + i)]);
      reference::rms_norm(of, exact_gain.data(), 1e-5, view<double, 2>(want.data(), tokens, width));
      add_rms_norm(machine, view<const float, 2>(on_addend.data(), tokens, width), in, on_gain.data(), 1e-5f, view<float, 2>(out.data(), tokens, width));
      CHECK(apart(out.host(), want) < 3e-7);
      CHECK(apart(on_x.host(), exact) < 1e-7);  // the stream has the sum, and what lies between its rows is left alone

      rms_norm(machine, in, on_gain.data(), 1e-5f, in);
      for (index_t t = 0; t < tokens; ++t)
        for (index_t i = 0; i < width; ++i) exact[static_cast<std::size_t>(t * stride + i)] = want[static_cast<std::size_t>(t * width + i)];
      CHECK(apart(on_x.host(), exact) < 3e-7);
    }
  });
}

TEST_CASE("a norm of zeros, of huge numbers and of what is no number") {
  on_simulated_gpus([](const auto& machine) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    std::vector<float> x(3 * 64, 0.0f);
    for (std::size_t i = 64; i < 128; ++i) x[i] = 1e18f;
    x[128] = infinity;
    const device_numbers in(machine, x), gain(machine, std::vector<float>(64, 1.0f));
    rms_norm(machine, view<const float, 2>(in.data(), 3, 64), gain.data(), 1e-5f, view<float, 2>(in.data(), 3, 64));
    const auto out = in.host();
    CHECK(out[0] == 0);
    CHECK(out[64] == doctest::Approx(1).epsilon(1e-6));
    CHECK(std::isnan(out[128]));
    CHECK(out[129] == 0);
  });
}

/// A place in a sequence, in memory of the machine.
template <class Machine>
struct placed_at {
  device_numbers<Machine, std::int32_t> memory;
  placed_at(const Machine& machine, index_t first, index_t tokens)
      : memory(machine, std::vector<std::int32_t>{static_cast<std::int32_t>(first), static_cast<std::int32_t>(first + tokens)}), at{first, memory.data()} {}
  device_place at;
};

TEST_CASE("a rotation, near and far, both pairings, partial heads") {
  on_simulated_gpus([](const auto& machine) {
    for (const auto pairs : {halves, interleaved})
      for (const auto& [dim, dims, first] : {std::tuple<index_t, index_t, index_t>{64, 0, 0}, {128, 0, 131000}, {64, 20, 1'000'000}}) {
        CAPTURE(first);
        constexpr index_t tokens = 3, heads = 3;
        const auto x = noise(tokens * heads * dim);
        const device_numbers on(machine, x);
        auto want = doubles(x);
        reference::rotate(1e5, dims == 0 ? dim : dims, pairs, view<double, 3>(want.data(), tokens, heads, dim), first);
        rotate(machine, rotary{.theta = 1e5f, .dims = dims, .pairing = pairs}, view<float, 3>(on.data(), tokens, heads, dim), placed_at(machine, first, tokens).at);
        CHECK(apart(on.host(), want) < 2e-7);
      }
  });
}

TEST_CASE("scaled frequencies turn as on a processor") {
  on_simulated_gpus([](const auto& machine) {
    const auto check = [&](const auto& position) {
      auto x = noise(2 * 64);
      const device_numbers on(machine, x);
      rotate(cpu(), position, view<float, 3>(x.data(), 2, 1, 64), 9000);
      rotate(machine, position, view<float, 3>(on.data(), 2, 1, 64), placed_at(machine, 9000, 2).at);
      CHECK(apart(on.host(), doubles(x)) < 2e-7);
    };
    check(rotary{.theta = 5e5f, .pairing = halves, .scaling = llama3{.factor = 8}});
    check(rotary{.theta = 1e4f, .pairing = interleaved, .scaling = yarn{.factor = 40, .original = 4096, .mscale = 1, .mscale_all_dim = 0}});
  });
}

TEST_CASE("embedding rows, of a width that ends anywhere") {
  on_simulated_gpus([](const auto& machine) {
    for (const index_t width : {8, 61, 576}) {
      constexpr index_t rows = 7;
      const auto table = noise(rows * width);
      const stored_matrix stored{.rows = rows, .columns = width, .bytes = reinterpret_cast<const std::byte*>(table.data())};
      const std::size_t bytes = lookup_bytes(machine, stored, nullptr);
      const auto memory = allocate(machine, bytes, "the table", memory_use::constants);
      const device_numbers tokens(machine, std::vector<std::int32_t>{6, 0, 3, 6});
      const device_numbers<std::remove_cvref_t<decltype(machine)>, float> out(machine, static_cast<std::size_t>(4 * width));
      embed(machine, lookup_table(machine, stored, nullptr, memory.data()), tokens.data(), view<float, 2>(out.data(), 4, width));
      const auto got = out.host();
      for (index_t t = 0; t < 4; ++t)
        for (index_t i = 0; i < width; ++i)
          CHECK(got[static_cast<std::size_t>(t * width + i)] == static_cast<float>(bf16(table[static_cast<std::size_t>(tokens.data()[t] * width + i)])));
    }
  });
}

TEST_CASE("gates") {
  on_simulated_gpus([](const auto& machine) {
    const auto check = [&](const auto& how, index_t tokens, index_t hidden) {
      auto gate = noise(tokens * hidden, 5);
      const auto up = noise(tokens * hidden, 6);
      gate[0] = 90, gate[static_cast<std::size_t>(hidden - 1)] = -90;
      const device_numbers on_gate(machine, gate), on_up(machine, up);
      const auto exact_gate = doubles(gate), exact_up = doubles(up);
      std::vector<double> want(up.size());
      reference::open_gate(how, view<const double, 2>(exact_gate.data(), tokens, hidden), view<const double, 2>(exact_up.data(), tokens, hidden), view<double, 2>(want.data(), tokens, hidden));
      const view<float, 2> in_place(on_up.data(), tokens, hidden);
      open_gate(machine, how, view<const float, 2>(on_gate.data(), tokens, hidden), in_place, in_place);
      CHECK(apart(on_up.host(), want) < 1e-6);
    };
    check(swiglu{}, 2, 1030);
    check(gelu{}, 1, 67);
    check(geglu{}, 2, 3);
    check(clamped_swiglu{}, 1, 64);
    check(relu_squared{}, 1, 1);
  });
}

TEST_CASE("keys and values appended where they belong, rounded") {
  on_simulated_gpus([](const auto& machine) {
    using machine_type = std::remove_cvref_t<decltype(machine)>;
    constexpr index_t capacity = 6, tokens = 3, first = 2;
    const device_numbers<machine_type, bf16> memory(machine, cache_bytes<bf16>(machine, heads{4, 2, 64, 64}, capacity) / sizeof(bf16));
    device_cache<4, 2, 64> cache{.data = reinterpret_cast<std::byte*>(memory.data()), .capacity = capacity};
    const auto k = noise(tokens * 2 * 64, 7), v = noise(tokens * 2 * 64, 8);
    const device_numbers on_k(machine, k), on_v(machine, v);
    const placed_at place(machine, first, tokens);
    append(machine, cache, view<const float, 3>(on_k.data(), tokens, 2, 64), view<const float, 3>(on_v.data(), tokens, 2, 64), place.at);
    CHECK(cache.length == first + tokens);
    CHECK(*cache.length_at == first + tokens);
    for (index_t h = 0; h < 2; ++h)
      for (index_t key = 0; key < capacity; ++key)
        for (index_t d = 0; d < 64; ++d) {
          const auto at = static_cast<std::size_t>((h * capacity + key) * 64 + d), from = static_cast<std::size_t>(((key - first) * 2 + h) * 64 + d);
          const bool there = key >= first && key < first + tokens;
          CHECK(cache.keys()[at] == (there ? bf16(k[from]) : bf16(0.0f)));
          CHECK(cache.values()[at] == (there ? bf16(v[from]) : bf16(0.0f)));
        }
    CHECK_THROWS_AS(append(machine, cache, view<const float, 3>(on_k.data(), tokens, 2, 64), view<const float, 3>(on_v.data(), tokens, 2, 64), device_place{4, place.at.at}), error);
  });
}

TEST_CASE("keys that are kept, heads that are chosen, places in segments, running means, softmax of rows, a number per head: as on a processor") {
  on_simulated_gpus([](const auto& machine) {
    check_kept_keys(machine);
    check_chosen_heads(machine);
    check_places_in_segments(machine);
    check_running_means(machine);
    check_softmax_and_dots(machine);
  });
}

TEST_CASE("places in segments that are not equally far apart, or not of one size, are refused") {
  alignas(64) std::byte memory[1024];
  device_cache<1, 1, 64> places[4];
  for (int i = 0; i < 4; ++i) places[i].data = memory + 128 * i, places[i].capacity = 3;
  const auto apart = [&](index_t length) { return kernel_detail::places_apart(places, length); };
  CHECK((apart(4) == 64 && apart(1) == 0));
  places[3].data += 64;
  CHECK(apart(3) == 64);
  CHECK_THROWS_WITH_AS(apart(4), doctest::Contains("[places] of attend_across: that of number 3 "), error);
  places[3].data -= 64, places[2].capacity = 2;
  CHECK_THROWS_WITH_AS(apart(4), doctest::Contains("[places] of attend_across: that of number 2 "), error);
}

TEST_CASE("rows, heads and means whose shapes do not fit are refused, on processors and GPUs alike") {
  float numbers[24] = {};
  const view<float, 2> rows(numbers, 4, 6), wide(numbers, 3, 6);
  view<float, 2> apart = rows;
  apart.stride[1] = 2;
  const view<const float, 2> in(numbers, 4, 6), narrow(numbers, 4, 5);
  const view<const float, 3> heads(numbers, 4, 2, 3);
  const view<float, 2> of_heads(numbers, 4, 2), of_others(numbers, 4, 3);
  view<float, 2> scattered = of_heads;
  scattered.stride[1] = 3;
  alignas(64) std::byte memory[512] = {};
  const auto refuses = [&](const auto& machine, auto first) {
    using machine_type = std::remove_cvref_t<decltype(machine)>;
    using doctest::Contains;
    CHECK_THROWS_WITH_AS(row_softmax(machine, apart), "[row_softmax] needs rows of neighbouring values. Fix: pass a view whose last stride is 1.", error);
    CHECK_THROWS_WITH_AS(dot_heads(machine, heads, numbers, 1.0f, of_others), "[dot_heads] out is [4, 3], but x has 4 tokens of 2 heads. Fix: pass out of [token, head].", error);
    CHECK_THROWS_WITH_AS(dot_heads(machine, heads, numbers, 1.0f, scattered), Contains("[dot_heads] needs heads of neighbouring values and results. Fix: "), error);
    running_mean<machine_type> state(machine, memory, 6);
    CHECK_THROWS_WITH_AS(follow_mean(machine, state, in, wide, first), "[follow_mean] in is [4, 6] and mean [3, 6], but the state has 6 features. Fix: pass both as [token, 6].", error);
    CHECK_THROWS_WITH_AS(follow_mean(machine, state, narrow, rows, first), Contains("[follow_mean] in is [4, 5]"), error);
    CHECK_THROWS_WITH_AS(follow_mean(machine, state, in, apart, first), Contains("[follow_mean] needs rows of neighbouring values. Fix: "), error);
  };
  refuses(cpu(), index_t{0});
  const simulated<sm80> machine;
  simulated<sm80>::memory here(machine);
  here.writable(memory, sizeof memory, "the state of a mean");
  refuses(machine, device_place{});
}

}  // namespace
