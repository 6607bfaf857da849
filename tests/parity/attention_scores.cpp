// Every score and weighting, and chains, through the kernels of the best machine.
#include "../support/attention_problem.hpp"

namespace elsewhere {

struct recent {  // a user's score, once for every number
  float strength;
  template <class T>
  T adjust(T s, tenon::position p) const {
    return s + T(strength * static_cast<float>(p.key - p.query));
  }
};

}  // namespace elsewhere

namespace tenon {
namespace {

using namespace testing;

constexpr int most_heads = 48, most_keys = 320;

template <class Make>
void with_random_problems(const Make& make) {
  const cpu machine;
  std::mt19937 random(21);
  for (int i = 0; i < 14; ++i) {
    attention_problem p = random_problem(random);
    while (p.shape.dim > 64) p = random_problem(random);
    make(machine, p, 1 + static_cast<index_t>(random()) % p.queries);
  }
}
std::vector<float> numbers(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& x : out) x = normal(random);
  return out;
}

}  // namespace

TEST_CASE("scores") {
  const std::vector<float> table = numbers(most_heads * 32, 1), waves = numbers(2 * most_heads * 3, 2), of_keys = numbers(most_keys, 3);
  with_random_problems([](const cpu& m, const attention_problem& p, index_t chunk) { check_attention(m, p, chunk, causal{}, soft_cap{.cap = 3.0f}); });
  with_random_problems([](const cpu& m, const attention_problem& p, index_t) { check_attention(m, p, p.queries, full{}, alibi{.heads = p.shape.query}); });
  with_random_problems([&](const cpu& m, const attention_problem& p, index_t) {
    check_attention(m, p, p.queries, full{}, relative_bias{.table = table.data(), .max_distance = 100, .sides = p.keys % 2 == 0 ? direction::both : direction::backward});
  });
  with_random_problems([&](const cpu& m, const attention_problem& p, index_t chunk) {
    check_attention(m, p, chunk, causal{}, fourier{.cosine = waves.data(), .sine = waves.data() + 3 * most_heads, .terms = 3});
  });
  with_random_problems([&](const cpu& m, const attention_problem& p, index_t chunk) {
    check_attention(m, p, chunk, causal{}, scaled{.factor = 0.2f} >> soft_cap{.cap = 5.0f} >> key_bias{.values = of_keys.data()});
  });
  with_random_problems([](const cpu& m, const attention_problem& p, index_t chunk) { check_attention(m, p, chunk, causal{}, elsewhere::recent{0.1f}); });
}

TEST_CASE("weightings") {
  const std::vector<float> logits = numbers(most_heads, 4);
  with_random_problems([&](const cpu& m, const attention_problem& p, index_t chunk) {
    check_attention(m, p, chunk, causal{} & !window{.width = 2}, scaled{}, sink{.logits = logits.data()});
  });
  with_random_problems([](const cpu& m, const attention_problem& p, index_t chunk) { check_attention(m, p, chunk, causal{}, scaled{}, sigmoid{.bias = -3.0f}); });
  with_random_problems([](const cpu& m, const attention_problem& p, index_t chunk) {
    check_attention(m, p, chunk, causal{} & window{.width = 40}, soft_cap{.cap = 2.0f}, sigmoid{});
  });
}

}  // namespace tenon
