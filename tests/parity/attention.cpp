// Attention on every machine of this build against the reference in double; a row's bits depend on that row alone.
#include "../support/attention_problem.hpp"

namespace tenon {
namespace {

using namespace testing;

template <class Machine>
void parity(int problems) {
  const Machine machine;
  std::mt19937 random(1);
  for (int i = 0; i < problems; ++i) {
    const attention_problem p = random_problem(random);
    const index_t chunk = i % 3 == 0 ? p.queries : 1 + static_cast<index_t>(random()) % p.queries;
    check_attention(machine, p, chunk, causal{});
    if (i % 2 == 0) check_attention<f16>(machine, p, chunk, causal{} & window{.width = 1 + static_cast<int>(p.keys) / 3}, scaled{.factor = -0.1f});
  }
}

template <class Machine, class Number>
void bits_of_rows(const attention_problem& p) {
  const auto mask = causal{};
  const Machine alone(cpu_options{.threads = 1});
  const std::vector<float> whole = attend_in_chunks<Number>(alone, p, p.queries, mask);
  for (const int threads : {1, 2, 4})
    for (const index_t chunk : {p.queries, index_t{1}, index_t{37}}) {
      CAPTURE(threads);
      CAPTURE(chunk);
      CHECK(same_bits(whole, attend_in_chunks<Number>(Machine(cpu_options{.threads = threads}), p, chunk, mask)));
    }
}

}  // namespace

TEST_CASE("plain C++") { parity<cpu_scalar>(15); }
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
TEST_CASE("AVX2") { parity<cpu_avx2>(25); }
#endif
TEST_CASE("the best machine") { parity<cpu>(40); }

TEST_CASE("a row's bits depend neither on chunks of the prompt nor on threads") {
  bits_of_rows<cpu, float>(attention_problem({6, 2, 24, 40}, 150, 1200, 77, 3.0f));
  bits_of_rows<cpu, bf16>(attention_problem({6, 2, 24, 40}, 150, 1200, 78, 3.0f));
  bits_of_rows<cpu, float>(attention_problem({130, 1, 8, 16}, 3, 1100, 79));  // a group larger than a tile
}

}  // namespace tenon
