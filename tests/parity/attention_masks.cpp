// Every mask, and compositions, through the kernels of the best machine.
#include "../support/attention_problem.hpp"

namespace elsewhere {

struct every_third {  // a user's mask, without a cover
  bool keep(tenon::position p) const { return (p.query + p.key) % 3 == 0; }
};

}  // namespace elsewhere

namespace tenon {
namespace {

using namespace testing;

constexpr std::size_t most = 320;

struct operands {
  std::vector<std::int32_t> ids = std::vector<std::int32_t>(2 * most), lengths = {90, 33}, parents = std::vector<std::int32_t>(most), lists = std::vector<std::int32_t>(most * 20);
  std::vector<std::uint64_t> words = std::vector<std::uint64_t>(most * most / 64);
  std::vector<std::uint8_t> blocks = std::vector<std::uint8_t>(40 * 40);

  explicit operands(std::mt19937& random) {
    std::int32_t id = 0;
    for (auto& i : ids) i = id += random() % 40 == 0 ? 1 : 0;
    for (std::size_t n = 0; n < most; ++n) parents[n] = static_cast<std::int32_t>(random() % (n + 1)) - 1;
    for (auto& word : words) word = (std::uint64_t{random()} << 32) | random();
    for (auto& block : blocks) block = random() % 3 == 0;
    for (std::size_t q = 0; q < most; ++q)
      for (std::size_t i = 0; i < 20; ++i) lists[q * 20 + i] = static_cast<std::int32_t>(i * 16 + random() % 16);
  }
};

// The same problems for every mask; `make` sees the problem and the batch.
template <class Make>
void with_random_problems(const Make& make) {
  const cpu machine;
  std::mt19937 random(5);
  for (int i = 0; i < 14; ++i) {
    attention_problem p = random_problem(random);
    while (p.shape.dim > 64) p = random_problem(random);
    check_attention(machine, p, p.queries, make(p, random));  // in one chunk: some masks look ahead
  }
}
int up_to(std::mt19937& random, int most_of) { return 1 + static_cast<int>(random() % static_cast<unsigned>(most_of)); }

}  // namespace

TEST_CASE("positional masks") {
  with_random_problems([](const attention_problem&, std::mt19937&) { return full{}; });
  with_random_problems([](const attention_problem& p, std::mt19937& r) { return window{.width = up_to(r, static_cast<int>(p.keys))} & causal{}; });
  with_random_problems([](const attention_problem& p, std::mt19937& r) {
    return causal{} & (window{.width = up_to(r, 20)} | prefix{.length = up_to(r, static_cast<int>(p.keys))});
  });
  with_random_problems([](const attention_problem&, std::mt19937& r) { return !chunk{.length = up_to(r, 60)}; });
  with_random_problems([](const attention_problem&, std::mt19937& r) { return causal{} & dilated{.stride = up_to(r, 20)}; });
}

TEST_CASE("masks of sequences and lists") {
  std::mt19937 random(9);
  const operands data(random);
  with_random_problems([&](const attention_problem&, std::mt19937&) { return causal{} & document{.ids = data.ids.data(), .batch_stride = most}; });
  with_random_problems([&](const attention_problem&, std::mt19937&) { return padding{.lengths = data.lengths.data()}; });
  with_random_problems([&](const attention_problem& p, std::mt19937& r) {
    const int drafted = std::min(static_cast<int>(p.keys), up_to(r, 30));
    return tree{.parents = data.parents.data(), .first = static_cast<int>(p.keys) - drafted, .count = drafted};
  });
  with_random_problems([&](const attention_problem&, std::mt19937&) { return bits{.words = data.words.data(), .queries = most, .keys = most}; });
  with_random_problems([&](const attention_problem&, std::mt19937&) {
    return block_sparse{.blocks = data.blocks.data(), .rows = 40, .columns = 40, .query_block = 8, .key_block = 16};
  });
  with_random_problems([&](const attention_problem&, std::mt19937&) { return token_sparse{.lists = data.lists.data(), .queries = most, .count = 20}; });
}

TEST_CASE("a user's mask") {
  with_random_problems([](const attention_problem&, std::mt19937&) { return elsewhere::every_third{}; });
  with_random_problems([](const attention_problem&, std::mt19937&) { return causal{} & !elsewhere::every_third{}; });
}

}  // namespace tenon
