// Caches of 8 bits on every machine against the reference in double.
#include "../support/cache_layouts.hpp"

namespace tenon {
namespace {

using namespace testing;

template <class Number, class Machine>
void quantised(const Machine& machine, const attention_problem& p, index_t chunk, double as_given) {
  CAPTURE(p.shape.dim);
  CAPTURE(p.shape.dim_v);
  CAPTURE(chunk);
  double largest = 0;
  const std::vector<double> want = reference_attend(as_cached<Number>(p), causal{}, scaled{}, softmax{}, &largest);
  const std::vector<float> got = attend_laid_out<Number>(machine, p, {}, chunk, causal{});
  CHECK(distance(got, want) <= bound_of<Number>(machine) * std::max(1.0, largest / 8));
  CHECK(distance(got, reference_attend(p, causal{})) <= as_given * std::max(1.0, largest));  // keys and values are rounded by as much as their bits
}

template <class Machine>
void parity() {
  const Machine machine;
  std::mt19937 random(3);
  for (int i = 0; i < 14; ++i) {
    const attention_problem p = random_problem(random);
    const index_t chunk = i % 2 == 0 ? p.queries : 1 + static_cast<index_t>(random()) % p.queries;
    quantised<int8_per_128>(machine, p, chunk, 0.02);
    quantised<e4m3_per_128>(machine, p, chunk, 0.06);
  }
}

}  // namespace

TEST_CASE("quantised, plain C++") { parity<cpu_scalar>(); }
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
TEST_CASE("quantised, AVX2") { parity<cpu_avx2>(); }
#endif
TEST_CASE("quantised, the best machine") { parity<cpu>(); }

}  // namespace tenon
