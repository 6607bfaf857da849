// Linear attention: prompts, decoding and gradients against the O(n^2) definition in double, and that against finite differences.
#include "../support/attention_problem.hpp"

#include <tenon/kernels/launch/linear_attention.hpp>
#include <tenon/kernels/reference/linear_attention.hpp>

namespace tenon {
namespace {

using namespace testing;

template <class T, class Vector>
view<T, 4> four(Vector& x, index_t tokens, int head_count, int dim) {
  return view<T, 4>(x.data(), 1, tokens, head_count, dim);
}

struct wanted {
  std::vector<double> out, q, k, v;
};
template <class Mask, class Features>
wanted reference_linear(const attention_problem& p, const std::vector<float>& d_out, const Mask& mask, const linear<Features>& weighting) {
  const std::vector<double> q(p.q.begin(), p.q.end()), k(p.k.begin(), p.k.end()), v(p.v.begin(), p.v.end()), g(d_out.begin(), d_out.end());
  wanted to{std::vector<double>(p.outputs()), std::vector<double>(q.size()), std::vector<double>(k.size()), std::vector<double>(v.size())};
  const heads& s = p.shape;
  const auto three = [](auto& x, index_t tokens, int head_count, int dim) { return view<std::remove_reference_t<decltype(x[0])>, 3>(x.data(), tokens, head_count, dim); };
  reference::attend_linear(three(q, p.queries, s.query, s.dim), three(k, p.keys, s.kv, s.dim), three(v, p.keys, s.kv, s.dim_v), three(to.out, p.queries, s.query, s.dim_v), mask, weighting,
                           three(g, p.queries, s.query, s.dim_v), three(to.q, p.queries, s.query, s.dim), three(to.k, p.keys, s.kv, s.dim), three(to.v, p.keys, s.kv, s.dim_v));
  return to;
}

template <class Machine, class Mask, class Features>
void check_linear(const Machine& machine, const attention_problem& p, const Mask& mask, const linear<Features>& weighting) {
  CAPTURE(p.queries);
  CAPTURE(p.keys);
  const heads& s = p.shape;
  std::vector<float> out(p.outputs()), d_out = attention_problem(p.shape, p.queries, p.keys, 99).q, dq(p.q.size()), dk(p.k.size()), dv(p.v.size());
  d_out.resize(p.outputs(), 0.5f);
  const wanted want = reference_linear(p, d_out, mask, weighting);
  const view<const float, 4> q = four<const float>(p.q, p.queries, s.query, s.dim), k = four<const float>(p.k, p.keys, s.kv, s.dim), v = four<const float>(p.v, p.keys, s.kv, s.dim_v);
  attend(machine, q, k, v, four<float>(out, p.queries, s.query, s.dim_v), mask, scaled{}, weighting);
  CHECK(distance(out, want.out) <= 2e-6);
  const attention_gradients to{.q = four<float>(dq, p.queries, s.query, s.dim), .k = four<float>(dk, p.keys, s.kv, s.dim), .v = four<float>(dv, p.keys, s.kv, s.dim_v)};
  attend_backward(machine, {.q = q, .k = k, .v = v, .out = {}, .log_sum_exp = {}, .d_out = four<float>(d_out, p.queries, s.query, s.dim_v)}, to, mask, scaled{}, weighting);
  if (p.keys == 1) {  // the one weight is 1 whatever q and k are
    for (const auto* all : {&dq, &dk})
      for (const float x : *all) CHECK(std::fabs(x) <= 1e-5f);
  } else {
    CHECK(distance(dq, want.q) <= 5e-6);
    CHECK(distance(dk, want.k) <= 5e-6);
  }
  CHECK(distance(dv, want.v) <= 2e-6);
}

const std::vector<float>& directions() {
  static const std::vector<float> drawn = attention_problem({1, 1, 24, 8}, 40, 1, 11).q;
  return drawn;
}

}  // namespace

TEST_CASE("elu + 1, causal, on every machine") {
  for (const auto& [queries, keys] : {std::pair(150, 150), std::pair(37, 200), std::pair(1, 70), std::pair(64, 64), std::pair(90, 20), std::pair(1, 1)}) {
    const attention_problem p({4, 2, 24, 40}, queries, keys, 1);
    check_linear(cpu(), p, causal{}, linear{.features = elu_plus_one{}});
    check_linear(cpu_scalar(), p, causal{}, linear{.features = elu_plus_one{}});
  }
}

TEST_CASE("relu over the keys that padding leaves, random exponentials, waves") {
  const attention_problem p({4, 2, 24, 8}, 90, 90, 2);
  const std::int32_t length = 71;
  const std::vector<float> cosine = {0.2f, -0.1f, 0.3f, 0.05f, 0.1f, 0.2f, -0.3f, 0.4f}, sine = {0.1f, 0.1f, -0.2f, 0.3f, 0.0f, 0.25f, 0.1f, -0.1f};
  check_linear(cpu(), p, full{} & padding{.lengths = &length}, linear{.features = relu_features{}});
  check_linear(cpu(), p, causal{}, linear{.features = random_exponentials{.directions = directions().data(), .size = 40}});
  check_linear(cpu(), p, causal{}, linear{.features = with_waves<elu_plus_one>{.inner = {}, .cosine = cosine.data(), .sine = sine.data(), .terms = 2, .floor = 0.5f}});
}

TEST_CASE("waves multiply the weight: the compressed form of 3D attention is exact") {
  const float cosine[] = {0.2f, -0.1f}, sine[] = {0.1f, 0.3f};
  const with_waves<elu_plus_one> waves{.inner = {}, .cosine = cosine, .sine = sine, .terms = 2};
  const double q[] = {0.3, -1.0}, k[] = {-0.2, 0.7};
  double a[10], b[10], plain = 0, found = 0;
  waves.map(q, 2, {.query = 41, .key = 41}, side::query, a);
  waves.map(k, 2, {.query = 17, .key = 17}, side::key, b);
  for (int n = 0; n < 2; ++n) plain += elu_plus_one::value(q[n]) * elu_plus_one::value(k[n]);
  for (int n = 0; n < 10; ++n) found += a[n] * b[n];
  double wave = static_cast<double>(waves.constant(0));
  CHECK(wave == doctest::Approx(1 + std::sqrt(0.04 + 0.01) + std::sqrt(0.01 + 0.09)).epsilon(1e-6));
  for (int f = 0; f < 2; ++f) wave += static_cast<double>(cosine[f]) * std::cos(std::pow(0.5, f) * 24) + static_cast<double>(sine[f]) * std::sin(std::pow(0.5, f) * 24);
  CHECK(found == doctest::Approx(plain * wave).epsilon(1e-12));
}

TEST_CASE("waves learn: over a batch, in the same order on any number of threads") {
  constexpr int batches = 2, tokens = 70;
  const heads s{4, 2, 8, 8};
  const attention_problem p(s, batches * tokens, batches * tokens, 5);
  const std::vector<float> by = attention_problem(s, batches * tokens, batches * tokens, 6).q;
  std::vector<float> cosine = {0.2f, -0.1f, 0.3f, 0.05f, 0.1f, 0.2f, -0.3f, 0.4f}, sine = {0.1f, 0.1f, -0.2f, 0.3f, 0.0f, 0.25f, 0.1f, -0.1f};
  const auto batch_of = [&](const std::vector<float>& x, int head_count) { return view<const float, 4>(x.data(), batches, tokens, head_count, 8); };
  const auto learned = [&](int threads) {
    std::vector<float> to(8 + 8), dq(p.q.size()), dk(p.k.size()), dv(p.v.size());
    const linear weighting{.features = with_waves<elu_plus_one>{.inner = {}, .cosine = cosine.data(), .sine = sine.data(), .terms = 2, .ratio = 0.3f, .d_cosine = to.data(), .d_sine = to.data() + 8}};
    const attention_gradients gradients{.q = view<float, 4>(dq.data(), batches, tokens, 4, 8), .k = view<float, 4>(dk.data(), batches, tokens, 2, 8), .v = view<float, 4>(dv.data(), batches, tokens, 2, 8)};
    attend_backward(cpu({.threads = threads}), {.q = batch_of(p.q, 4), .k = batch_of(p.k, 2), .v = batch_of(p.v, 2), .out = {}, .log_sum_exp = {}, .d_out = batch_of(by, 4)}, gradients, causal{}, scaled{}, weighting);
    return to;
  };
  const std::vector<float> found = learned(3);
  CHECK(same_bits(found, learned(1)));
  std::vector<float> at = cosine;
  at.insert(at.end(), sine.begin(), sine.end());
  const auto loss = [&] {
    const linear weighting{.features = with_waves<elu_plus_one>{.inner = {}, .cosine = at.data(), .sine = at.data() + 8, .terms = 2, .ratio = 0.3f}};
    double sum = 0;
    for (int b = 0; b < batches; ++b) {
      attention_problem one(s, tokens, tokens, 1);
      one.q.assign(p.q.begin() + b * tokens * 32, p.q.begin() + (b + 1) * tokens * 32);
      one.k.assign(p.k.begin() + b * tokens * 16, p.k.begin() + (b + 1) * tokens * 16), one.v.assign(p.v.begin() + b * tokens * 16, p.v.begin() + (b + 1) * tokens * 16);
      const std::vector<double> out = reference_linear(one, std::vector<float>(one.outputs()), causal{}, weighting).out;
      for (std::size_t i = 0; i < out.size(); ++i) sum += out[i] * static_cast<double>(by[static_cast<std::size_t>(b) * out.size() + i]);
    }
    return sum;
  };
  for (std::size_t i = 0; i < at.size(); i += 3) {
    const float kept = at[i], step = 1.0f / 256;
    at[i] = kept + step;
    const double up = loss();
    at[i] = kept - step;
    const double slope = (up - loss()) / (2.0 * static_cast<double>(step));
    at[i] = kept;
    CAPTURE(i);
    CHECK(static_cast<double>(found[i]) == doctest::Approx(slope).epsilon(2e-3));
  }
}

namespace {

// A sequence that is continued, and cut back where its state goes that far.
template <class Machine, class Features>
struct continued {
  const Machine& machine;
  const attention_problem& p;
  linear<Features> weighting;
  buffer state{linear_state_bytes(machine, p.shape, weighting)}, scratch{linear_scratch(machine, p.shape, weighting)};
  std::vector<float> result = std::vector<float>(p.outputs());

  void read(index_t first, index_t count) {
    const view<float, 3> out(result.data(), p.queries, p.shape.query, p.shape.dim_v);
    std::memset(scratch.data(), 0xff, scratch.size());
    attend_recurrent(machine, p.query().rows(first, count), p.key().rows(first, count), p.value().rows(first, count), out.rows(first, count), weighting, state.data(), first, scratch.data());
  }
};
template <class Machine, class Features>
void bits_of_tokens(const attention_problem& p, const Features& features) {
  const linear weighting{.features = features};
  const Machine machine({.threads = 2});
  continued<Machine, Features> whole{machine, p, weighting};
  whole.read(0, p.queries);
  CHECK(distance(whole.result, reference_linear(p, std::vector<float>(p.outputs()), causal{}, weighting).out) <= 2e-6);
  std::vector<float> at_once(p.outputs());  // without a state
  const heads& s = p.shape;
  attend(machine, four<const float>(p.q, p.queries, s.query, s.dim), four<const float>(p.k, p.keys, s.kv, s.dim), four<const float>(p.v, p.keys, s.kv, s.dim_v),
         four<float>(at_once, p.queries, s.query, s.dim_v), causal{}, scaled{}, weighting);
  CHECK(same_bits(at_once, whole.result));
  for (const index_t size : {1, 3, 16, 63, 64, 65, 100}) {
    CAPTURE(size);
    const Machine alone({.threads = 1});
    continued<Machine, Features> parts{alone, p, weighting};
    for (index_t first = 0; first < p.queries; first += size) parts.read(first, std::min(size, p.queries - first));
    CHECK(same_bits(parts.result, whole.result));
  }
  // Read on with other tokens, cut back, and read again.
  for (const index_t seen : {50, 64, 100, 127, 150}) {
    CAPTURE(seen);
    const index_t earliest = linear_resumes_from(machine, seen), back = earliest + (seen - earliest) / 2;
    attention_problem other = p;
    continued<Machine, Features> again{machine, other, weighting};
    again.read(0, back);
    for (float& x : other.k) x = -x;
    again.read(back, seen - back);
    other.k = p.k;
    again.read(back, p.queries - back);
    CHECK(same_bits(again.result, whole.result));
  }
}

}  // namespace

TEST_CASE("decoding continues from a state of constant size: a token's bits depend on it and those before it alone") {
  const attention_problem p({4, 2, 16, 24}, 170, 170, 3);
  const std::vector<float> waves(12, 0.2f);
  const with_waves<elu_plus_one> of_waves{.inner = {}, .cosine = waves.data(), .sine = waves.data(), .terms = 3};
  bits_of_tokens<cpu>(p, elu_plus_one{});
  bits_of_tokens<cpu>(p, of_waves);
  bits_of_tokens<cpu_scalar>(p, of_waves);
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
  bits_of_tokens<cpu_avx2>(p, of_waves);
#endif
}

TEST_CASE("what is not finite changes no bit of the tokens before it, however many come at a time") {
  attention_problem p({2, 1, 16, 24}, 100, 100, 3);
  const linear weighting{.features = elu_plus_one{}};
  const cpu machine;
  continued<cpu, elu_plus_one> clean{machine, p, weighting};
  clean.read(0, 100);
  for (const float poison : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    attention_problem poisoned = p;
    poisoned.v[70 * 24] = poison, poisoned.k[71 * 16] = poison;
    for (const index_t size : {1, 100}) {
      continued<cpu, elu_plus_one> found{machine, poisoned, weighting};
      for (index_t first = 0; first < 100; first += size) found.read(first, size);
      CHECK(std::memcmp(found.result.data(), clean.result.data(), 70 * 2 * 24 * sizeof(float)) == 0);
      CHECK(!std::isfinite(found.result[70 * 2 * 24]));
      CHECK(!std::isfinite(found.result[99 * 2 * 24]));
    }
  }
}

TEST_CASE("a query whose features are 0 gives 0; what is not finite stays with those that see it") {
  attention_problem p({1, 1, 8, 8}, 100, 100, 4);
  for (int d = 0; d < 8; ++d) p.q[5 * 8 + static_cast<std::size_t>(d)] = -1;
  check_linear(cpu(), p, causal{}, linear{.features = relu_features{}});
  std::vector<float> clean(800), out(800);
  const auto run = [&](std::vector<float>& to) { attend(cpu(), four<const float>(p.q, 100, 1, 8), four<const float>(p.k, 100, 1, 8), four<const float>(p.v, 100, 1, 8), four<float>(to, 100, 1, 8), causal{}, scaled{}, linear{.features = elu_plus_one{}}); };
  run(clean);
  p.v[60 * 8] = std::numeric_limits<float>::quiet_NaN(), p.k[61 * 8] = std::numeric_limits<float>::infinity();
  run(out);
  CHECK(distance({out.begin(), out.begin() + 480}, {clean.begin(), clean.begin() + 480}) <= 1e-6);
  CHECK(std::isnan(out[480]));
}

TEST_CASE("the reference's gradients are those of its loss") {
  attention_problem p({2, 1, 4, 4}, 5, 7, 6);
  const std::vector<float> d_out = attention_problem({2, 1, 4, 4}, 5, 7, 7).q;
  const auto check = [&](const auto& mask, const auto& weighting) {
    const wanted want = reference_linear(p, d_out, mask, weighting);
    const auto compare = [&](std::vector<float>& x, const std::vector<double>& gradient) {
      for (std::size_t i = 0; i < x.size(); i += 3) {
        const float at = x[i], step = 1.0f / 64;
        const auto loss = [&](float to) {
          x[i] = to;
          const std::vector<double> out = reference_linear(p, d_out, mask, weighting).out;
          double sum = 0;
          for (std::size_t n = 0; n < out.size(); ++n) sum += out[n] * static_cast<double>(d_out[n]);
          x[i] = at;
          return sum;
        };
        const double width = static_cast<double>(at + step) - static_cast<double>(at - step);
        CHECK(std::fabs((loss(at + step) - loss(at - step)) / width - gradient[i]) <= 2e-3 * (1 + std::fabs(gradient[i])));
      }
    };
    compare(p.q, want.q), compare(p.k, want.k), compare(p.v, want.v);
  };
  const std::vector<float> cosine = {0.2f, -0.1f}, sine = {0.1f, 0.3f};
  check(causal{}, linear{.features = random_exponentials{.directions = directions().data(), .size = 9}});
  check(full{}, linear{.features = with_waves<random_exponentials>{.inner = {directions().data(), 9}, .cosine = cosine.data(), .sine = sine.data(), .terms = 1}});
}

}  // namespace tenon
