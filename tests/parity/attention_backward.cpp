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

template <class Number, class Weighting>
void bits_of_threads(const backward_problem& p, const Weighting& weighting) {
  const auto mask = causal{} | prefix{.length = 200};
  const auto same = [](const found_gradients& a, const found_gradients& b) { return same_bits(a.q, b.q) && same_bits(a.k, b.k) && same_bits(a.v, b.v); };
  const auto on = [&](int threads, const auto& reduction) { return gradients_of<Number>(cpu({.threads = threads}), p, mask, soft_cap{.cap = 20.0f}, weighting, reduction); };
  const found_gradients alone = on(1, fixed_split{.length = 128}), whole = on(1, sequential{});
  for (const int threads : {2, 4}) {
    CHECK(same(alone, on(threads, fixed_split{.length = 128})));
    CHECK(same(whole, on(threads, sequential{})));
  }
}

}  // namespace

TEST_CASE("plain C++") { parity<cpu_scalar>(12); }
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
TEST_CASE("AVX2") { parity<cpu_avx2>(20); }
#endif
TEST_CASE("the best machine") { parity<cpu>(40); }

TEST_CASE("bits do not depend on the number of threads, whether these take heads or ranges of keys") {
  bits_of_threads<float>(backward_problem({2, 1, 24, 40}, 150, 700, 77), softmax{});
  bits_of_threads<bf16>(backward_problem({2, 1, 24, 40}, 150, 700, 77), softmax{});
  bits_of_threads<float>(backward_problem({16, 8, 8, 8}, 70, 300, 78), sigmoid{.bias = -3.0f});
}

TEST_CASE("keys of bf16 and values of f16 are multiplied as floats") {
  backward_problem p({4, 2, 64, 32}, 90, 200, 5);
  for (float& x : p.k) x = static_cast<float>(bf16(x));
  for (float& x : p.v) x = static_cast<float>(f16(x));
  std::vector<bf16> k;
  std::vector<f16> v;
  for (const float x : p.k) k.push_back(bf16(x));
  for (const float x : p.v) v.push_back(f16(x));
  const auto mask = causal{} & window{.width = 150};
  const wanted_gradients want = reference_gradients(p, mask);
  found_gradients found = gradients_of(cpu(), p, mask);
  const auto four = [](auto* data, index_t tokens, int head_count, int dim) { return view<std::remove_reference_t<decltype(*data)>, 4>(data, 1, tokens, head_count, dim); };
  const attention_pass pass{.q = four(p.q.data(), 90, 4, 64),
                            .k = four(k.data(), 200, 2, 64),
                            .v = four(v.data(), 200, 2, 32),
                            .out = four(found.out.data(), 90, 4, 32),
                            .log_sum_exp = view<float, 3>(found.log_sum_exp.data(), 1, 90, 4),
                            .d_out = four(p.d_out.data(), 90, 4, 32)};
  std::vector<bf16> dk(k.size());
  attend_backward(cpu(), pass, {.q = four(found.q.data(), 90, 4, 64), .k = four(dk.data(), 200, 2, 64), .v = four(found.v.data(), 200, 2, 32)}, mask);
  CHECK(distance(found.q, want.q) <= 2e-6);
  CHECK(distance(found.v, want.v) <= 2e-6);
  const double apart = distance(std::vector<float>(dk.begin(), dk.end()), want.k);
  CHECK((apart <= 3e-3 && apart > 1e-4));  // rounded where it is written
}

}  // namespace tenon
