// Tokens drawn on a GPU, executed on both architectures: the ones that the processor's sampler draws, draw by draw.
#include "device_case.hpp"

#include <limits>

#include <tenon/runtime/sampling.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;

constexpr float infinity = std::numeric_limits<float>::infinity(), no_number = std::numeric_limits<float>::quiet_NaN();

/// Rounded to quarters, so that many are equal.
std::vector<float> coarse(index_t count, unsigned seed) {
  auto out = noise(count, seed);
  for (float& x : out) x = std::round(x * 8) / 4;
  return out;
}

/// What the host draws from `logits`, or why it draws nothing.
std::int32_t on_host(sampler& draw, const std::vector<float>& logits, const std::vector<std::int32_t>& recent) {
  try {
    return draw(logits.data(), recent);
  } catch (const error& fault) {
    return std::string_view(fault.what()).starts_with("every") ? forbidden_logits : damaged_logits;
  }
}

/// Draws from the same logits, two where the token drawn is recent for the next.
template <class Machine>
void check_draws(const Machine& machine, const sampling& how, const std::vector<float>& logits, std::vector<std::int32_t> recent) {
  const auto count = static_cast<index_t>(logits.size());
  const device_numbers<Machine, std::uint64_t> memory(machine, draws_bytes(machine, count) / 8);
  draws* const on = begin_draws(machine, how, recent.data(), static_cast<index_t>(recent.size()), count, reinterpret_cast<std::byte*>(memory.data()));
  sampler draw(how, static_cast<int>(count));
  for (int i = 0; i < (how.repetition_penalty == 1 ? 1 : 2); ++i) {
    const device_numbers row(machine, logits);
    sample(machine, view<float, 2>(row.data(), 1, count), on);
    const std::int32_t want = on_host(draw, logits, recent);
    CAPTURE(count);
    CAPTURE(how.top_k);
    CAPTURE(how.top_p);
    CHECK(on->token == want);
    recent.push_back(want);
  }
}

const sampling choices[] = {
    {},
    {.temperature = 1.0f, .seed = 1},
    {.temperature = 0.6f, .top_k = 5, .seed = 2},
    {.temperature = 1.3f, .top_p = 0.8f, .seed = 3},
    {.temperature = 1.0f, .min_p = 0.1f, .seed = 4},
    {.temperature = 1.5f, .top_k = 40, .top_p = 0.9f, .min_p = 0.05f, .repetition_penalty = 1.3f, .seed = 5},
    {.temperature = 0.7f, .repetition_penalty = 0.5f, .seed = 6},
    {.repetition_penalty = 2.0f},
    {.temperature = 1e-20f, .top_k = 3, .seed = 7},
    {.temperature = 100.0f, .top_k = 1'000'000, .top_p = 1e-6f, .seed = 8},
};

TEST_CASE("the token that the processor draws: any filters, ties, any vocabulary") {
  on_simulated_gpus([](const auto& machine) {
    unsigned seed = 1;
    for (const index_t count : {1, 2, 37, 601})
      for (const sampling& how : choices)
        check_draws(machine, how, coarse(count, ++seed), {0, static_cast<std::int32_t>(count / 2), static_cast<std::int32_t>(count - 1), -3, static_cast<std::int32_t>(count)});
  });
}

TEST_CASE("a large vocabulary, from logits without ties") {
  const simulated<sm80> machine({.checks = simulation::checks::results});
  check_draws(machine, {.temperature = 0.9f, .top_k = 500, .top_p = 0.95f, .min_p = 0.01f, .repetition_penalty = 1.1f, .seed = 9}, noise(50'000, 5), {7, 49'999});
  check_draws(machine, {.temperature = 3.0f, .seed = 10}, noise(50'000, 6), {});
}

TEST_CASE("forbidden tokens are never drawn; logits that are damaged or all forbidden say so") {
  on_simulated_gpus([](const auto& machine) {
    for (const sampling& how : {sampling{}, sampling{.temperature = 1, .top_p = 0.9f, .seed = 11}}) {
      std::vector<float> none(70, -infinity);
      check_draws(machine, how, none, {});
      for (const auto& [at, value] : {std::pair{41, -3e38f}, {3, infinity}, {69, no_number}, {7, -no_number}}) {
        auto row = none;
        row[0] = value == -3e38f ? -infinity : 1.0f, row[static_cast<std::size_t>(at)] = value;
        check_draws(machine, how, row, {});
      }
      auto far = none;
      far[5] = -1e30f, far[6] = 1e30f, far[60] = 1e30f;
      check_draws(machine, how, far, {});
    }
  });
}

TEST_CASE("what cannot be drawn from is refused") {
  const simulated<sm80> machine;
  alignas(64) std::byte memory[128];
  CHECK_THROWS_WITH_AS(sample(machine, view<float, 2>(nullptr, 1, 0), nullptr), doctest::Contains("one row of 1 to"), error);
  CHECK_THROWS_WITH_AS(sample(machine, view<float, 2>(nullptr, 2, 4), nullptr), doctest::Contains("one row of 1 to"), error);
  CHECK_THROWS_WITH_AS(begin_draws(machine, {.top_p = 2}, nullptr, 0, 4, memory), doctest::Contains("[sampling.top_p]"), error);
  CHECK_THROWS_WITH_AS(begin_draws(machine, {}, nullptr, 0, 0, memory), doctest::Contains("[vocabulary] of sampling is 0"), error);
}

}  // namespace
