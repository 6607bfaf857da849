// Caches that a machine may multiply as pairs of bf16, where nothing that it rounds shows: queries of zero, whose weights are one,
// and queries that are bf16 already, whose log-sum-exp takes the scores as they are. On any other machine these are plain checks.
#include "../support/cache_layouts.hpp"

namespace tenon {
namespace {

using namespace testing;

template <class Number, class Machine>
void equal_weights(const Machine& machine, attention_problem p, page_layout how, index_t chunk) {
  for (float& x : p.q) x = 0;
  p = as_cached<Number>(p);
  if constexpr (shares_scales<Number>)  // scales go into the weights, so they are ones
    for (std::vector<float>* rows : {&p.k, &p.v})
      for (float& x : *rows) x = std::round(x * 16);
  for (std::size_t row = 0; shares_scales<Number> && row < p.v.size(); row += static_cast<std::size_t>(p.shape.dim_v)) p.v[row] = 127;
  const auto mask = causal{} & window{.width = 150};
  CHECK(distance(attend_laid_out<Number>(machine, p, how, chunk, mask), reference_attend(p, mask)) <= 2e-6);
}

template <class Number, class Machine>
void log_sums(const Machine& machine, attention_problem p) {
  for (float& x : p.q) x = static_cast<float>(bf16(x));  // and 1/sqrt(dim) is a power of two
  p = as_cached<Number>(p);
  held_cache<Number, Machine> held(machine, p.shape, p.keys, {});
  held.take(machine, p, 0, p.keys);
  std::vector<float> out(p.outputs()), sums(static_cast<std::size_t>(p.queries * p.shape.query));
  const buffer scratch(attention_scratch(machine, p.shape, p.queries, p.keys));
  attend<0, 0>(machine, p.query(), held.cache, view<float, 3>(out.data(), p.queries, p.shape.query, p.shape.dim_v), causal{}, scaled{}, scratch.data(), softmax{}, fixed_split{},
               view<float, 2>(sums.data(), p.queries, p.shape.query));
  const int group = p.shape.query / p.shape.kv;
  for (index_t i = 0; i < p.queries; ++i)
    for (int h = 0; h < p.shape.query; ++h) {
      double total = 0;
      for (index_t j = 0; j <= p.keys - p.queries + i; ++j) {
        double score = 0;
        for (int d = 0; d < p.shape.dim; ++d) score += static_cast<double>(p.query()(i, h, d)) * static_cast<double>(p.key()(j, h / group, d));
        total += std::exp(score / std::sqrt(static_cast<double>(p.shape.dim)));
      }
      REQUIRE(static_cast<double>(sums[static_cast<std::size_t>(i * p.shape.query + h)]) == doctest::Approx(std::log(total)).epsilon(2e-5));
    }
}

template <class Machine>
void check_pairs() {
  const Machine machine;
  for (const index_t chunk : {index_t{90}, index_t{1}, index_t{7}}) {
    equal_weights<bf16>(machine, attention_problem({6, 2, 24, 40}, 90, 300, 3), {}, chunk);
    equal_weights<bf16>(machine, attention_problem({2, 2, 72, 136}, 90, 300, 4), {7, 1}, chunk);
    equal_weights<int8_per_128>(machine, attention_problem({6, 2, 24, 40}, 90, 300, 5), {}, chunk);
    equal_weights<int8_per_128>(machine, attention_problem({2, 2, 136, 128}, 90, 300, 6), {48, 1}, chunk);
  }
  log_sums<bf16>(machine, attention_problem({6, 2, 16, 40}, 90, 300, 7));
  log_sums<bf16>(machine, attention_problem({1, 1, 64, 64}, 1, 300, 8));
  log_sums<int8_per_128>(machine, attention_problem({2, 1, 256, 24}, 90, 150, 9));
  log_sums<e4m3_per_128>(machine, attention_problem({3, 3, 64, 24}, 40, 150, 10));
  log_sums<int8_per_32>(machine, attention_problem({16, 1, 64, 24}, 2, 150, 11));
}

}  // namespace

TEST_CASE("nothing but q and the weights is rounded, plain C++") { check_pairs<cpu_scalar>(); }
TEST_CASE("nothing but q and the weights is rounded, the best machine") { check_pairs<cpu>(); }

}  // namespace tenon
