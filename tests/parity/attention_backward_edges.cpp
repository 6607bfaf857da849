// Gradients where they go wrong elsewhere: every kind of mask, score and weighting, rows that see nothing, keys that nobody sees,
// scores of -inf, what is not finite under the mask, one key, none, calls that do not fit.
#include "../support/attention_backward_problem.hpp"

#include <limits>

namespace tenon {
namespace {

using namespace testing;
constexpr float infinity = std::numeric_limits<float>::infinity(), not_a_number = std::numeric_limits<float>::quiet_NaN();

bool all_finite(const std::vector<float>& x) { return std::all_of(x.begin(), x.end(), [](float each) { return std::isfinite(each); }); }

}  // namespace

TEST_CASE("masks") {
  const cpu machine;
  const backward_problem p({4, 2, 24, 40}, 100, 190, 1);
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 190; ++i) ids.push_back(i / 37);
  check_gradients(machine, p, causal{} & document{.ids = ids.data()});
  check_gradients(machine, p, (causal{} & chunk{.length = 50}) | prefix{.length = 7}, scaled{}, softmax{}, fixed_split{.length = 128});
  check_gradients(machine, p, causal{} & !dilated{.stride = 3}, scaled{}, softmax{}, sequential{});
  const std::uint8_t blocks[] = {1, 0, 1, 0, 0, 1, 1, 0};
  check_gradients(machine, p, block_sparse{.blocks = blocks, .rows = 2, .columns = 4, .query_block = 50, .key_block = 48, .first_query = 90});
}

TEST_CASE("scores of -inf, great scores, sinks that win") {
  const cpu machine;
  backward_problem p({4, 2, 16, 16}, 70, 140, 2, 5.0f);
  std::vector<float> bias(140), logits = {-40.0f, 0.0f, 3.0f, 60.0f};
  for (std::size_t j = 0; j < bias.size(); ++j) bias[j] = j % 3 == 0 || j < 80 ? -infinity : 0.0f;
  check_gradients(machine, p, causal{}, key_bias{.values = bias.data()}, sink{.logits = logits.data()});
  check_gradients(machine, p, causal{}, alibi{.heads = 4} >> key_bias{.values = bias.data()}, sigmoid{});
  for (float& x : p.v) x *= 1e4f;
  check_gradients(machine, p, causal{});
  for (float& x : p.k) x = 0.5f;
  check_gradients(machine, p, causal{});
}

TEST_CASE("queries that see nothing and keys that nobody sees have no gradient") {
  const backward_problem p({4, 2, 16, 24}, 40, 200, 3);
  const std::vector<float> logits(4, 1.0f);
  const auto mask = causal{} & !window{.width = 165} & !prefix{.length = 3};
  const auto check = [&](const found_gradients& found) {
    CHECK(all_finite(found.q));
    for (index_t i = 0; i < 8; ++i)  // query i stands at 160 + i and sees keys 3 to i - 5
      for (index_t c = 0; c < 4 * 16; ++c) CHECK(found.q[static_cast<std::size_t>(i * 4 * 16 + c)] == 0);
    for (index_t j = 0; j < 200; ++j)
      if (j < 3 || j > 34)
        for (index_t c = 0; c < 2 * 16; ++c) CHECK(found.k[static_cast<std::size_t>(j * 2 * 16 + c)] == 0);
  };
  for (const int length : {128, 512}) {
    check(gradients_of<float>(cpu(), p, mask, scaled{}, sink{.logits = logits.data()}, fixed_split{.length = length}));
    check(gradients_of<bf16>(cpu(), p, mask, scaled{}, sink{.logits = logits.data()}, fixed_split{.length = length}));
  }
  check_gradients(cpu(), p, causal{} & !window{.width = 300} & !prefix{.length = 3});
}

namespace {
template <class Number>
void what_is_not_finite() {
  const backward_problem clean({3, 1, 24, 40}, 150, 150, 5);
  const found_gradients want = gradients_of<Number>(cpu(), clean, causal{});
  const auto same_until = [](const std::vector<float>& a, const std::vector<float>& b, index_t count) { return std::memcmp(a.data(), b.data(), static_cast<std::size_t>(count) * sizeof(float)) == 0; };
  for (const float poison : {not_a_number, infinity, -infinity}) {
    CAPTURE(poison);
    backward_problem p = clean;  // key 100 is seen from query 100 on
    for (index_t d = 0; d < 24; ++d) p.k[static_cast<std::size_t>(100 * 24 + d)] = poison;
    for (index_t c = 0; c < 40; ++c) p.v[static_cast<std::size_t>(100 * 40 + c)] = poison;
    found_gradients found = gradients_of<Number>(cpu(), p, causal{});
    CHECK(same_until(found.q, want.q, 100 * 3 * 24));
    CHECK(std::isnan(found.q[100 * 3 * 24]));

    for (const bool of_output : {false, true}) {  // query 20, or its gradient: keys up to 20 see it
      p = clean;
      if (of_output)
        for (index_t c = 0; c < 40; c += 3) p.d_out[static_cast<std::size_t>(20 * 3 * 40 + c)] = poison;
      else
        for (index_t d = 0; d < 24; ++d) p.q[static_cast<std::size_t>(20 * 3 * 24 + d)] = poison;
      found = gradients_of<Number>(cpu(), p, causal{});
      for (index_t c = 0; c < 40; ++c) CHECK(std::isfinite(found.v[static_cast<std::size_t>(20 * 40 + c)]) == (of_output && c % 3 != 0));
      CHECK(std::isnan(found.k[0]));
      for (index_t j = 21; j < 150; ++j) {
        for (index_t d = 0; d < 24; ++d) CHECK(found.k[static_cast<std::size_t>(j * 24 + d)] == want.k[static_cast<std::size_t>(j * 24 + d)]);
        for (index_t c = 0; c < 40; ++c) CHECK(found.v[static_cast<std::size_t>(j * 40 + c)] == want.v[static_cast<std::size_t>(j * 40 + c)]);
      }
      CHECK(same_until(found.q, want.q, 20 * 3 * 24));
    }
  }
  // Key 2, which nobody sees, beside keys that are seen; an odd number of rows.
  const auto mask = causal{} & !prefix{.length = 5};
  backward_problem p({1, 1, 24, 40}, 151, 151, 6);
  const found_gradients without = gradients_of<Number>(cpu(), p, mask);
  for (index_t d = 0; d < 24; ++d) p.k[static_cast<std::size_t>(2 * 24 + d)] = not_a_number;
  for (index_t c = 0; c < 40; ++c) p.v[static_cast<std::size_t>(2 * 40 + c)] = infinity;
  const found_gradients found = gradients_of<Number>(cpu(), p, mask);
  CHECK((same_bits(found.q, without.q) && same_bits(found.k, without.k) && same_bits(found.v, without.v)));
}
}  // namespace

TEST_CASE("what is not finite reaches the gradients of those that see it, and no others") { what_is_not_finite<float>(), what_is_not_finite<bf16>(); }

TEST_CASE("one key, none, no query, more queries than keys") {
  const cpu machine;
  check_gradients(machine, backward_problem({2, 1, 8, 8}, 1, 1, 6), causal{});
  check_gradients(machine, backward_problem({2, 1, 8, 8}, 5, 1, 6), causal{});
  check_gradients(machine, backward_problem({2, 1, 8, 8}, 40, 17, 6), causal{});
  for (const float x : gradients_of(machine, backward_problem({2, 1, 8, 8}, 5, 0, 6), causal{}).q) CHECK(x == 0);
  const found_gradients found = gradients_of(machine, backward_problem({2, 1, 8, 8}, 0, 150, 6), causal{});
  for (const float x : found.k) CHECK(x == 0);
  for (const float x : found.v) CHECK(x == 0);
}

TEST_CASE("calls that do not fit") {
  std::vector<float> x(4096);
  const auto four = [&](index_t tokens, int head_count, int dim) { return view<float, 4>(x.data(), 1, tokens, head_count, dim); };
  const view<float, 3> sums(x.data(), 1, 4, 4);
  attention_pass pass{.q = four(4, 4, 8), .k = four(6, 2, 8), .v = four(6, 2, 16), .out = four(4, 4, 16), .log_sum_exp = sums, .d_out = four(4, 4, 16)};
  attention_gradients to{.q = four(4, 4, 8), .k = four(6, 2, 8), .v = four(6, 2, 16)};
  const auto refused = [&](const char* sentence) {
    try {
      attend_backward(cpu(), pass, to, causal{});
      FAIL_CHECK("was not refused: ", sentence);
    } catch (const error& fault) {
      CHECK(std::string(fault.what()).find(sentence) != std::string::npos);
    }
  };
  const attention_pass good = pass;
  pass.log_sum_exp = {}, refused("[out, log_sum_exp]"), pass = good;
  pass.d_out = four(4, 4, 8), refused("[d_out]"), pass = good;
  pass.k = four(6, 3, 8), refused("[k] has 3 heads"), pass = good;
  pass.v = four(5, 2, 16), refused("[k, v]"), pass = good;
  pass.q = four(4, 4, 12), refused("[q, v] have head dims 12"), pass = good;
  pass.q.stride[3] = 2, refused("dense"), pass = good;
  to.k = four(5, 2, 8), refused("[gradients]");
}

}  // namespace tenon
