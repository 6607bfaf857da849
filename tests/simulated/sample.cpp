// The most probable token and the k largest logits on a GPU, executed on both architectures against sorting.
#include "device_case.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace {

using namespace tenon;
using namespace tenon::testing;

constexpr float infinity = std::numeric_limits<float>::infinity(), no_number = std::numeric_limits<float>::quiet_NaN();

// Rows of `count` logits, many of them equal.
std::vector<float> coarse(index_t rows, index_t count, unsigned seed) {
  auto out = noise(rows * count, seed);
  for (float& x : out) x = std::round(x * 4) / 4;
  return out;
}

TEST_CASE("the first of the largest logits") {
  on_simulated_gpus([](const auto& machine) {
    for (const index_t count : {1, 5, 2048, 5003}) {
      CAPTURE(count);
      const auto logits = coarse(3, count, 1);
      const device_numbers on(machine, logits);
      const device_numbers<std::remove_cvref_t<decltype(machine)>, std::int32_t> out(machine, 3);
      argmax(machine, view<const float, 2>(on.data(), 3, count), out.data());
      for (index_t r = 0; r < 3; ++r) {
        const auto row = logits.begin() + r * count;
        CHECK(out.data()[r] == std::max_element(row, row + count) - row);
      }
    }
  });
}

TEST_CASE("logits that are damaged or all forbidden say so; forbidden ones are never chosen") {
  on_simulated_gpus([](const auto& machine) {
    std::vector<float> rows(5 * 70, -infinity);
    rows[0 * 70 + 69] = no_number, rows[0 * 70 + 3] = 1;
    rows[1 * 70 + 30] = infinity;
    rows[3 * 70 + 41] = -3e38f;
    rows[4 * 70 + 7] = -no_number;
    const device_numbers on(machine, rows);
    const device_numbers<std::remove_cvref_t<decltype(machine)>, std::int32_t> out(machine, 5);
    argmax(machine, view<const float, 2>(on.data(), 5, 70), out.data());
    CHECK(out.host() == std::vector<std::int32_t>{damaged_logits, damaged_logits, forbidden_logits, 41, damaged_logits});
  });
}

TEST_CASE("the k largest, the first among equals, in order of the tokens") {
  on_simulated_gpus([](const auto& machine) {
    using machine_type = std::remove_cvref_t<decltype(machine)>;
    for (const auto& [count, k] : {std::pair<index_t, int>{1, 1}, {70, 70}, {1537, 40}, {1200, 513}}) {
      CAPTURE(count);
      auto logits = coarse(2, count, 3);
      logits[0] = -0.0f, logits[static_cast<std::size_t>(count / 2)] = -infinity;
      const device_numbers on(machine, logits);
      const device_numbers<machine_type, std::int32_t> tokens(machine, static_cast<std::size_t>(2 * k));
      const device_numbers<machine_type, float> values(machine, static_cast<std::size_t>(2 * k));
      largest(machine, view<const float, 2>(on.data(), 2, count), k, tokens.data(), values.data());
      for (index_t r = 0; r < 2; ++r) {
        const float* row = logits.data() + r * count;
        std::vector<std::int32_t> want(static_cast<std::size_t>(count));
        std::iota(want.begin(), want.end(), 0);
        std::stable_sort(want.begin(), want.end(), [&](int a, int b) { return row[a] > row[b]; });
        want.resize(static_cast<std::size_t>(k));
        std::sort(want.begin(), want.end());
        CHECK(std::vector<std::int32_t>(tokens.data() + r * k, tokens.data() + (r + 1) * k) == want);
        for (int i = 0; i < k; ++i) CHECK(values.data()[r * k + i] == row[want[static_cast<std::size_t>(i)]]);
      }
    }
    std::vector<float> damaged(600, 0.5f);
    damaged[571] = no_number;
    const device_numbers on(machine, damaged);
    const device_numbers<machine_type, std::int32_t> tokens(machine, 3);
    const device_numbers<machine_type, float> values(machine, 3);
    largest(machine, view<const float, 2>(on.data(), 1, 600), 3, tokens.data(), values.data());
    CHECK(tokens.data()[0] == damaged_logits);
  });
}

TEST_CASE("what no row can answer is refused") {
  const simulated<sm80> machine;
  CHECK_THROWS_WITH_AS(largest(machine, view<const float, 2>(nullptr, 1, 4), 5, nullptr, nullptr), doctest::Contains("[k] of largest is 5"), error);
  CHECK_THROWS_WITH_AS(argmax(machine, view<const float, 2>(nullptr, 1, 0), nullptr), doctest::Contains("at least one"), error);
}

}  // namespace
