// Caches of every kind: paged, latent, many sequences in one call, numbers of 16 bits in and out. Bits do not depend on pages,
// chunks, threads or batch-mates.
#include "../support/cache_layouts.hpp"

#include <tuple>

namespace tenon {
namespace {

using namespace testing;

template <class Number, class Machine = cpu>
void bits_of_rows(const attention_problem& p) {
  const auto mask = causal{} & window{.width = 700};
  const std::vector<float> whole = attend_laid_out<Number>(Machine({.threads = 1}), p, {}, p.queries, mask);
  for (const index_t page : {index_t{128}, index_t{256}, index_t{16}, index_t{48}, index_t{7}, index_t{100}})
    for (const index_t chunk : {p.queries, index_t{37}}) {
      CAPTURE(page);
      CAPTURE(chunk);
      CHECK(same_bits(whole, attend_laid_out<Number>(Machine({.threads = chunk == 37 ? 2 : 1}), p, {page, static_cast<unsigned>(page)}, chunk, mask)));
    }
  CHECK(same_bits(whole, attend_laid_out<Number>(Machine({.threads = 2}), p, {}, 1, mask)));
}

}  // namespace

TEST_CASE("pages of any size change no bit") {
  const attention_problem p({6, 2, 24, 40}, 130, 1100, 77, 3.0f);
  bits_of_rows<float>(p);
  bits_of_rows<float, cpu_scalar>(attention_problem({6, 2, 24, 40}, 41, 200, 76, 3.0f));
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
  bits_of_rows<bf16, cpu_avx2>(p);
#endif
  bits_of_rows<bf16>(p);
  bits_of_rows<int8_per_128>(attention_problem({4, 2, 136, 144}, 130, 700, 78, 3.0f));
  bits_of_rows<e4m3_per_128>(p);
  bits_of_rows<int8_per_32>(p);
  bits_of_rows<f16>(latent_problem(20, 72, 64, 60, 700, 79));
  bits_of_rows<int8_per_32>(latent_problem(3, 72, 40, 60, 700, 80));
  bits_of_rows<latent_and_rotary<e4m3_per_128>>(latent_problem(5, 152, 128, 60, 700, 81));
}

TEST_CASE("bits of a row under other orders of summation: sequential, and splits of another length") {
  const attention_problem p({6, 2, 24, 40}, 130, 1100, 82, 3.0f);
  const auto check = [&](const auto& reduction) {
    const auto run = [&](int threads, page_layout how, index_t chunk) { return attend_laid_out<float>(cpu({.threads = threads}), p, how, chunk, causal{}, scaled{}, softmax{}, reduction); };
    const std::vector<float> whole = run(1, {}, p.queries);
    for (const auto& [threads, page, chunk] : {std::tuple(2, 0, 130), std::tuple(2, 16, 37), std::tuple(1, 100, 37), std::tuple(3, 128, 1)})
      CHECK(same_bits(whole, run(threads, {page, 5}, chunk)));
    return whole;
  };
  const std::vector<float> in_order = check(sequential{}), in_parts = check(fixed_split{.length = 128});
  CHECK(!same_bits(in_order, in_parts));
}

TEST_CASE("every head dim from 8 to 576, of values another, and every group from 1 to 16") {
  const cpu machine;
  const auto check = [&]<class Number>(Number, const attention_problem& p) {
    CAPTURE(p.shape.query);
    CAPTURE(p.shape.dim);
    CAPTURE(p.shape.dim_v);
    CHECK(distance(attend_laid_out<Number>(machine, p, {}, p.queries, causal{}), reference_attend(as_cached<Number>(p), causal{})) <= bound_of<Number>(machine));
  };
  for (int dim = 8; dim <= 576; dim += 8) {
    const attention_problem p({2, 1, dim, 8 + dim * 5 % 576}, 9, 40, static_cast<unsigned>(dim));
    check(float{}, p), check(bf16{}, p);
  }
  for (int group = 1; group <= 16; ++group) {
    const attention_problem p({2 * group, 2, 24, 40}, 9, 40, static_cast<unsigned>(group));
    check(float{}, p), check(bf16{}, p);
  }
}

TEST_CASE("latent: values are the first dims of the keys, held once") {
  const cpu machine;
  for (const int group : {1, 16, 40}) {
    const attention_problem p = latent_problem(group, 576, 512, 3, 300, 81 + static_cast<unsigned>(group));
    CHECK(distance(attend_laid_out<float>(machine, p, {}, 3, causal{}), reference_attend(p, causal{})) <= 2e-6);
    CHECK(distance(attend_laid_out<bf16>(machine, p, {}, 1, causal{}), reference_attend(as_cached<bf16>(p), causal{})) <= bound_of<bf16>(machine));
    CHECK(distance(attend_laid_out<e4m3_per_128>(machine, p, {64, 1}, 2, causal{}), reference_attend(as_cached<e4m3_per_128>(p), causal{})) <= bound_of<e4m3_per_128>(machine));
  }
  const heads own{16, 1, 576, 512}, shared{16, 1, 576, 512, values_are::first_dims_of_keys};
  CHECK(cache_bytes<bf16>(machine, shared, 1024) == 1024 * 576 * 2);
  CHECK(cache_bytes<bf16>(machine, own, 1024) == 1024 * (576 + 512) * 2);
  CHECK(cache_bytes<e4m3_per_128>(machine, shared, 1024) == static_cast<std::size_t>(1024 * cached_row_bytes<e4m3_per_128>(576)));
}

TEST_CASE("latents of 8 bits beside rotary dims of 16: the cache of MLA") {
  const auto check = [&]<class Number, class Machine>(Number, const Machine& machine, const attention_problem& p, page_layout how, index_t chunk) {
    CAPTURE(p.shape.dim);
    CAPTURE(how.page_keys);
    double largest = 0;
    const std::vector<double> want = reference_attend(as_cached<Number>(p), causal{}, scaled{}, softmax{}, &largest);
    const std::vector<float> got = attend_laid_out<Number>(machine, p, how, chunk, causal{});
    CHECK(distance(got, want) <= bound_of<Number>(machine) * std::max(1.0, largest / 8));
    // Rounded as the latent is, rotary dims would be far coarser.
    CHECK(distance(got, reference_attend(as_cached<typename Number::latent>(p), causal{})) > 1e-4);
  };
  const auto both = [&](const auto& machine) {
    for (const int group : {1, 16, 40}) {
      const attention_problem p = latent_problem(group, 576, 512, 3, 300, 91 + static_cast<unsigned>(group), 2.0f);
      check(latent_and_rotary<e4m3_per_128>{}, machine, p, {}, 3);
      check(latent_and_rotary<int8_per_128>{}, machine, p, {64, 1}, 1);
    }
    check(latent_and_rotary<int8_per_32, f16>{}, machine, latent_problem(3, 40, 32, 50, 300, 7, 2.0f), {128, 2}, 50);
    check(latent_and_rotary<int8_per_32, float>{}, machine, latent_problem(3, 72, 64, 50, 300, 8, 2.0f), {5, 3}, 7);
  };
  both(cpu());
  both(cpu_scalar());
  constexpr heads shape{128, 1, 576, 512, values_are::first_dims_of_keys};
  static_assert(cached_token_bytes<latent_and_rotary<e4m3_per_128>>(shape) == 656 && cached_token_bytes<bf16>(shape) == 1152);
  CHECK(cache_bytes<latent_and_rotary<e4m3_per_128>>(cpu(), shape, 1024) == 656 * 1024);
}

TEST_CASE("latents in 8 bits want values that are the first dims of keys, in whole blocks") {
  using number = latent_and_rotary<e4m3_per_128>;
  const cpu machine;
  std::vector<float> k(576), v(512);
  buffer memory(std::size_t{1} << 16);
  const auto refused = [&](heads shape) {
    cache_view<number> cache{.data = memory.data(), .shape = shape, .capacity = 16};
    const bool own = shape.values == values_are::their_own;
    CHECK_THROWS_AS(append(machine, cache, view<const float, 3>(k.data(), 1, 1, shape.dim), own ? readable<3>(view<const float, 3>(v.data(), 1, 1, shape.dim_v)) : readable<3>(), 0), error);
  };
  refused({16, 1, 576, 512});
  refused({16, 1, 576, 448 + 8, values_are::first_dims_of_keys});
}

TEST_CASE("many sequences in one call: each row as if its sequence were alone") {
  const auto check = [&]<class Number>(Number, index_t page_keys, int threads) {
    CAPTURE(page_keys);
    CAPTURE(threads);
    const cpu machine({.threads = threads});
    const heads shape{6, 2, 24, 40};
    std::vector<attention_problem> problems;
    const index_t sizes[][2] = {{1, 1}, {1, 700}, {33, 33}, {0, 20}, {5, 129}, {150, 200}, {1, 40}};  // queries, keys
    for (const auto& [queries, keys] : sizes) problems.emplace_back(shape, queries, keys, static_cast<unsigned>(keys + queries));
    std::vector<held_cache<Number, cpu>> held;
    std::vector<cache_view<Number>> caches;
    std::vector<index_t> first_query{0};
    std::vector<float> q, k, v;
    for (const auto& p : problems) {
      held.emplace_back(machine, shape, p.keys, page_layout{page_keys, static_cast<unsigned>(p.keys)});
      held.back().take(machine, p, 0, p.keys - p.queries);
      q.insert(q.end(), p.q.begin(), p.q.end());
      k.insert(k.end(), p.k.end() - p.queries * 2 * 24, p.k.end()), v.insert(v.end(), p.v.end() - p.queries * 2 * 40, p.v.end());
      first_query.push_back(first_query.back() + p.queries);
    }
    for (const auto& each : held) caches.push_back(each.cache);
    const index_t queries = first_query.back();
    const ragged<Number> batch{caches.data(), first_query.data(), static_cast<int>(caches.size())};
    append(machine, batch, view<const float, 3>(k.data(), queries, 2, 24), view<const float, 3>(v.data(), queries, 2, 40));
    std::vector<float> out(static_cast<std::size_t>(queries * 6 * 40)), lse(static_cast<std::size_t>(queries * 6));
    const buffer scratch(attention_scratch(machine, shape, 150, 700));
    const std::vector<std::int32_t> lengths{1, 690, 20, 20, 129, 200, 40};
    const auto mask = causal{} & padding{lengths.data()};
    attend<24, 40>(machine, view<const float, 3>(q.data(), queries, 6, 24), batch, view<float, 3>(out.data(), queries, 6, 40), mask, scaled{}, scratch.data(), softmax{},
                   fixed_split{}, view<float, 2>(lse.data(), queries, 6));
    for (std::size_t b = 0; b < problems.size(); ++b) {
      const std::vector<float> own(out.begin() + first_query[b] * 6 * 40, out.begin() + first_query[b + 1] * 6 * 40);
      if (problems[b].queries == 0) continue;
      CHECK(same_bits(own, attend_laid_out<Number>(cpu({.threads = 1}), problems[b], {}, problems[b].queries, mask, scaled{}, softmax{}, fixed_split{}, static_cast<int>(b))));
      CHECK(distance(own, reference_attend(as_cached<Number>(problems[b]), mask, scaled{}, softmax{}, nullptr, static_cast<int>(b))) <= bound_of<Number>(machine));
    }
  };
  for (const int threads : {1, 2, 16}) check(float{}, 0, threads);
  check(float{}, 16, 2);
  check(bf16{}, 10, 2);
  check(int8_per_128{}, 128, 2);
}

TEST_CASE("what is masked does not leak from any cache") {
  const auto check = []<class Number>(Number, attention_problem p, page_layout how) {
    const cpu machine;
    const std::vector<float> clean = attend_laid_out<Number>(machine, p, how, p.queries, causal{});
    const index_t poisoned = 100, dim_v = p.shape.dim_v;
    for (const float poison : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      for (index_t d = 0; d < p.shape.dim; ++d) p.k[static_cast<std::size_t>(poisoned * p.shape.dim + d)] = poison;
      for (index_t c = 0; c < dim_v; ++c) p.v[static_cast<std::size_t>(poisoned * dim_v + c)] = poison;
      const std::size_t before = static_cast<std::size_t>(poisoned * p.shape.query * dim_v);
      for (const index_t chunk : {p.queries, index_t{1}}) {
        const std::vector<float> out = attend_laid_out<Number>(machine, p, how, chunk, causal{});
        CHECK(std::isnan(out[before]));  // the row that sees it
        CHECK(std::memcmp(out.data(), clean.data(), before * sizeof(float)) == 0);
      }
    }
  };
  const attention_problem p({3, 1, 24, 40}, 150, 150, 5);
  check(int8_per_128{}, p, {});
  check(e4m3_per_128{}, p, {32, 1});
  check(bf16{}, p, {9, 1});
  check(int8_per_32{}, latent_problem(3, 40, 40, 150, 150, 6), {});
  check(bf16{}, latent_problem(3, 40, 40, 150, 150, 6), {});
}

TEST_CASE("one value that is not finite makes all that share its scale NaN") {
  const auto check = []<class Number>(Number) {
    const int block = Number::block;
    for (const float poison : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()})
      for (const int at : {0, 1, block - 1}) {  // wherever it stands among them
        attention_problem p({1, 1, 16, block + 8}, 1, 3, 9);
        p.v[static_cast<std::size_t>(2 * p.shape.dim_v + at)] = poison;
        const std::vector<float> out = attend_laid_out<Number>(cpu(), p, {}, 1, causal{});
        for (int c = 0; c < p.shape.dim_v; ++c) CHECK(std::isnan(out[static_cast<std::size_t>(c)]) == (c < block));
      }
  };
  check(int8_per_128{});
  check(e4m3_per_128{});
  check(int8_per_32{});
}

TEST_CASE("great, equal and tiny values, through 8 bits") {
  const cpu machine;
  attention_problem p({2, 1, 16, 16}, 130, 130, 6);
  const auto check = [&](const attention_problem& of) {
    double largest = 0;
    const std::vector<double> want = reference_attend(as_cached<int8_per_128>(of), causal{}, scaled{}, softmax{}, &largest);
    CHECK(distance(attend_laid_out<int8_per_128>(machine, of, {}, 130, causal{}), want) <= bound_of<int8_per_128>(machine) * std::max(1.0, largest / 8));
  };
  for (float& x : p.v) x *= 1e4f;
  check(p);
  for (float& x : p.k) x = 0.5f;
  check(p);
  for (float& x : p.v) x *= 1e-42f;
  for (const float x : attend_laid_out<int8_per_128>(machine, p, {}, 130, causal{})) CHECK(x == 0);  // below what a scale can hold
  check(attention_problem({2, 1, 16, 16}, 130, 130, 7, 1e4f));
}

TEST_CASE("q, k, v and out of 16 bits: the numbers are converted, the sums stay float") {
  const cpu machine;
  const auto check = [&]<class Number>(Number) {
    const attention_problem given({6, 2, 72, 40}, 70, 90, 12), p = [&] {
      attention_problem rounded = given.rounded<Number>();
      for (float& x : rounded.q) x = static_cast<float>(Number(x));
      return rounded;
    }();
    const auto narrow = [](const std::vector<float>& of) {
      std::vector<Number> out;
      for (const float x : of) out.push_back(Number(x));
      return out;
    };
    const std::vector<Number> q = narrow(p.q), k = narrow(p.k), v = narrow(p.v);
    std::vector<Number> out(p.outputs());
    attend(machine, view<const Number, 4>(q.data(), 1, 70, 6, 72), view<const Number, 4>(k.data(), 1, 90, 2, 72), view<const Number, 4>(v.data(), 1, 90, 2, 40),
           view<Number, 4>(out.data(), 1, 70, 6, 40), causal{});
    const std::vector<float> wide = attend_laid_out<float>(machine, p, {}, 70, causal{});
    for (std::size_t i = 0; i < out.size(); ++i) REQUIRE(out[i].bits == Number(wide[i]).bits);
    // As a whole, against inputs that were never rounded.
    std::vector<float> got;
    for (const Number x : out) got.push_back(static_cast<float>(x));
    CHECK(distance(got, reference_attend(given, causal{})) <= 5e-3);
  };
  check(bf16{});
  check(f16{});
}

TEST_CASE("caches that do not fit are refused in one sentence") {
  const cpu machine;
  const heads shape{4, 2, 16, 16}, wider{4, 2, 16, 24, values_are::first_dims_of_keys}, shared{4, 2, 16, 8, values_are::first_dims_of_keys}, uneven{4, 3, 16, 16};
  const buffer memory(page_bytes<float>(machine, shape, 8) * 4), scratch(attention_scratch(machine, shape, 8, 32));
  std::vector<float> x(4 * 4 * 24);
  const std::int32_t pages[] = {3, 1};
  const view<const float, 3> kv(x.data(), 4, 2, 16), q(x.data(), 4, 4, 16);
  const view<float, 3> out(x.data(), 4, 4, 16);
  const auto says = [&](cache_view<float> cache, readable<3> v, index_t first = 0) {
    try {
      append(machine, cache, kv, v, first);
    } catch (const error& fault) {
      return std::string(fault.what());
    }
    return std::string();
  };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) == 0 && text.find("Fix: ") != std::string::npos; };
  cache_view<float> paged{.data = memory.data(), .shape = shape, .capacity = 16, .pages = pages, .page_keys = 8};
  CHECK(says(paged, kv, 12).empty());
  CHECK(has(says(paged, kv, 13), "[first] of append"));
  CHECK(has(says({.data = memory.data(), .shape = shape, .capacity = 16, .pages = pages}, kv), "[cache.page_keys] is 0"));
  CHECK(has(says({.data = memory.data(), .shape = shape, .capacity = 15, .pages = pages, .page_keys = 8}, kv), "[cache.capacity] is 15"));
  CHECK(has(says({.data = memory.data(), .shape = wider, .capacity = 16}, {}), "[heads.dim_v] is 24"));
  CHECK(has(says({.data = memory.data(), .shape = shared, .capacity = 16}, kv), "[v] of append must be empty"));
  CHECK(has(says({.data = memory.data(), .shape = uneven, .capacity = 16}, kv), "[heads.kv] is 3"));
  CHECK(has(says(paged, readable<3>(q)), "[k, v] of append"));

  cache_view<float> caches[] = {paged, paged};
  caches[1].shape.query = 2;
  const auto attends = [&](const index_t(&first_query)[3]) {
    try {
      attend<16, 16>(machine, q, ragged<float>{caches, first_query, 2}, out, causal{}, scaled{}, scratch.data());
    } catch (const error& fault) {
      return std::string(fault.what());
    }
    return std::string();
  };
  CHECK(has(attends({0, 2, 4}), "[ragged.caches] 1 has other heads"));
  caches[1].shape.query = 4;
  CHECK(attends({0, 2, 4}).empty());
  CHECK(has(attends({0, 2, 5}), "[ragged.first_query] ends at 5"));
  CHECK(has(attends({0, 4, 3}), "[ragged.first_query] must not descend"));
  caches[0].length = 17;
  CHECK(has(attends({0, 2, 4}), "[cache.length] 17"));
}

}  // namespace tenon
