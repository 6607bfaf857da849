// The gradients of attention on every machine of this build against the reference in double; bits do not depend on threads.
#include "../support/attention_backward_problem.hpp"

namespace tenon {
namespace {

using namespace testing;

template <class Machine>
void parity(int problems) {
  const Machine machine;
  std::mt19937 random(1);
  for (int i = 0; i < problems; ++i) {
    const backward_problem p(random_problem(random), static_cast<unsigned>(i));
    const bool plain = i % 2 == 0;  // one type of mask and score: each costs a second of compiling
    check_gradients(machine, p, causal{} & window{.width = plain ? 1000 : 1 + static_cast<int>(p.keys) / 3}, scaled{.factor = plain ? 0.0f : -0.1f});
  }
}

template <class Weighting>
void bits_of_threads(const backward_problem& p, const Weighting& weighting) {
  const auto mask = causal{} | prefix{.length = 200};
  const auto same = [](const found_gradients& a, const found_gradients& b) { return same_bits(a.q, b.q) && same_bits(a.k, b.k) && same_bits(a.v, b.v); };
  const found_gradients alone = gradients_of(cpu({.threads = 1}), p, mask, soft_cap{.cap = 20.0f}, weighting, fixed_split{.length = 128});
  const found_gradients whole = gradients_of(cpu({.threads = 1}), p, mask, soft_cap{.cap = 20.0f}, weighting, sequential{});
  for (const int threads : {2, 4}) {
    CHECK(same(alone, gradients_of(cpu({.threads = threads}), p, mask, soft_cap{.cap = 20.0f}, weighting, fixed_split{.length = 128})));
    CHECK(same(whole, gradients_of(cpu({.threads = threads}), p, mask, soft_cap{.cap = 20.0f}, weighting, sequential{})));
  }
}

}  // namespace

TEST_CASE("plain C++") { parity<cpu_scalar>(12); }
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
TEST_CASE("AVX2") { parity<cpu_avx2>(20); }
#endif
TEST_CASE("the best machine") { parity<cpu>(40); }

TEST_CASE("bits do not depend on the number of threads, whether these take heads or ranges of keys") {
  bits_of_threads(backward_problem({2, 1, 24, 40}, 150, 700, 77), softmax{});
  bits_of_threads(backward_problem({16, 8, 8, 8}, 70, 300, 78), sigmoid{.bias = -3.0f});
}

TEST_CASE("inputs of 16 bits") {
  const backward_problem whole({4, 2, 64, 32}, 90, 200, 5);
  backward_problem p = whole;
  for (auto* all : {&p.q, &p.k, &p.v})
    for (float& x : *all) x = static_cast<float>(bf16(x));
  const auto mask = causal{} & window{.width = 150};
  const wanted_gradients want = reference_gradients(p, mask);
  const found_gradients found = gradients_of<bf16>(cpu(), p, mask);
  CHECK(distance(found.q, want.q) <= 2e-6);
  CHECK(distance(found.k, want.k) <= 2e-6);
  CHECK(distance(found.v, want.v) <= 2e-6);
}

}  // namespace tenon
