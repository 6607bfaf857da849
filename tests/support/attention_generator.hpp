#pragma once
// Variants of attention from a seeded generator: a number names a type of mask (a tree of masks under & | !), score, weighting
// and cached number, and each runs on random shapes, page layouts, chunks and batches against the reference in double. The
// reference and all that depends on no type is compiled once per program.

#include <memory>
#include <set>
#include <typeindex>
#include <typeinfo>

#include "cache_layouts.hpp"

namespace tenon::testing {

constexpr unsigned mix(unsigned x) {
  x ^= x >> 16, x *= 0x7feb352du;
  x ^= x >> 15, x *= 0x846ca68bu;
  return x ^ x >> 16;
}

struct every_third {  // a user's mask, without a cover
  bool keep(position p) const { return (p.query + 2 * p.key) % 3 != 0; }
};
struct recent {  // a user's score
  float rate;
  template <class T>
  T adjust(T s, position p) const {
    return s + T(rate * static_cast<float>(p.key - p.query));
  }
};

/// What masks, scores and weightings point at, for up to `most` positions, three sequences and `most_heads` heads.
struct generator_operands {
  static constexpr int most = 320, most_heads = 48;
  std::vector<std::int32_t> ids = std::vector<std::int32_t>(3 * most), lengths = {260, 33, 100}, lists = std::vector<std::int32_t>(most * 20);
  std::vector<std::uint64_t> words = std::vector<std::uint64_t>(most * most / 64);
  std::vector<std::uint8_t> blocks = std::vector<std::uint8_t>(40 * 40);
  std::vector<float> table = std::vector<float>(most_heads * 32), waves = std::vector<float>(6 * most_heads), of_keys = std::vector<float>(most), logits = std::vector<float>(most_heads);

  generator_operands() {
    std::mt19937 random(17);
    std::normal_distribution<float> normal;
    std::int32_t id = 0;
    for (auto& i : ids) i = id += random() % 40 == 0 ? 1 : 0;
    for (auto& word : words) word = (std::uint64_t{random()} << 32) | random();
    for (auto& block : blocks) block = random() % 3 == 0;
    for (std::size_t q = 0; q < most; ++q)
      for (std::size_t i = 0; i < 20; ++i) lists[q * 20 + i] = static_cast<std::int32_t>(i * 16 + random() % 16);
    for (auto* all : {&table, &waves, &of_keys, &logits})
      for (float& x : *all) x = normal(random);
    for (std::size_t j = 3; j < of_keys.size(); j += 7) of_keys[j] = -std::numeric_limits<float>::infinity();
  }
};

/// The draws of one problem.
struct generator_draw {
  std::mt19937& random;
  const generator_operands& data;
  int query_heads, keys;
  [[gnu::noinline]] int up_to(int most) const { return 1 + static_cast<int>(random() % static_cast<unsigned>(most < 1 ? 1 : most)); }
};

template <unsigned Which>
auto make_simple(const generator_draw& d) {
  if constexpr (Which == 0) return causal{};
  if constexpr (Which == 1) return window{.width = d.up_to(3) == 1 ? 1 : d.up_to(d.keys)};
  if constexpr (Which == 2) return prefix{.length = d.up_to(d.keys + 1) - 1};
  if constexpr (Which == 3) return chunk{.length = d.up_to(60)};
  if constexpr (Which == 4) return dilated{.stride = d.up_to(12)};
  if constexpr (Which == 5) return document{.ids = d.data.ids.data(), .batch_stride = generator_operands::most};
  if constexpr (Which == 6) return padding{.lengths = d.data.lengths.data()};
  if constexpr (Which == 7) return every_third{};
  if constexpr (Which == 8) return bits{.words = d.data.words.data(), .queries = generator_operands::most, .keys = generator_operands::most};
  if constexpr (Which == 9) return block_sparse{.blocks = d.data.blocks.data(), .rows = 40, .columns = 40, .query_block = 8, .key_block = 16};
  if constexpr (Which == 10) return token_sparse{.lists = d.data.lists.data(), .queries = generator_operands::most, .count = 20};
  if constexpr (Which == 11) return full{};
}
template <unsigned Seed, int Depth>
auto make_mask(const generator_draw& d) {
  constexpr unsigned what = mix(Seed) % 8;
  if constexpr (Depth == 0 || what >= 6) {
    constexpr unsigned leaf = mix(Seed + 101) % 20;
    return make_simple<(leaf < 12 ? leaf : leaf % 4)>(d);  // more of the first four
  } else if constexpr (what < 3) {
    const auto a = make_mask<mix(Seed + 1), Depth - 1>(d);
    return all_of(a, make_mask<mix(Seed + 2), Depth - 1>(d));
  } else if constexpr (what < 5) {
    const auto a = make_mask<mix(Seed + 1), Depth - 1>(d);
    return any_of(a, make_mask<mix(Seed + 2), Depth - 1>(d));
  } else {
    return none_of(make_mask<mix(Seed + 1), Depth - 1>(d));
  }
}
template <unsigned Which>
auto make_one_score(const generator_draw& d) {
  if constexpr (Which == 0) return soft_cap{.cap = static_cast<float>(d.up_to(40))};
  if constexpr (Which == 1) return alibi{.heads = d.query_heads};
  if constexpr (Which == 2) return key_bias{.values = d.data.of_keys.data()};
  if constexpr (Which == 3) return recent{.rate = 0.05f};
  if constexpr (Which == 4) return relative_bias{.table = d.data.table.data(), .max_distance = 100, .sides = d.keys % 2 == 0 ? direction::both : direction::backward};
  if constexpr (Which == 5) return fourier{.cosine = d.data.waves.data(), .sine = d.data.waves.data() + 3 * generator_operands::most_heads, .terms = 3};
}
template <unsigned Seed>
auto make_score(const generator_draw& d) {
  constexpr unsigned what = mix(Seed + 7) % 8, one = mix(Seed + 8) % 14, two = mix(Seed + 9) % 4;
  constexpr unsigned first = one < 6 ? one : one % 4;
  if constexpr (what < 3) return scaled{.factor = d.up_to(3) == 1 ? -0.1f : 0.0f};
  else if constexpr (what < 6) return make_one_score<first>(d);
  else if constexpr (what == 6) return scaled{.factor = 0.2f} >> make_one_score<first>(d);
  else return make_one_score<first>(d) >> make_one_score<two>(d);
}
template <unsigned Seed>
auto make_weighting(const generator_draw& d) {
  constexpr unsigned what = mix(Seed + 11) % 10;
  if constexpr (what < 6) return softmax{};
  else if constexpr (what < 8) return sink{.logits = d.data.logits.data()};
  else return sigmoid{.bias = -2.0f};
}
template <unsigned Seed>
auto make_number() {
  constexpr unsigned what = mix(Seed + 13) % 10, program = Seed / 1000 % 3;  // each program compiles three numbers
  if constexpr (what < 5) return float{};
  else if constexpr (what < 8) return bf16{};
  else if constexpr (program == 0) return f16{};
  else if constexpr (program == 1) return int8_per_128{};
  else return e4m3_per_128{};
}

// --- What depends on no type ---

struct any_mask {
  const void* object;
  bool (*ask)(const void*, position);
  bool keep(position p) const { return ask(object, p); }
};
struct any_score {
  const void* object;
  double (*ask)(const void*, double, position);
  template <class T>
  T adjust(T s, position p) const {
    return static_cast<T>(ask(object, static_cast<double>(s), p));
  }
};

/// Some sequences in caches of one kind, without the kind.
struct any_caches {
  virtual ~any_caches() = default;
  virtual void set_length(index_t length) = 0;  ///< of the first
  virtual void* get() = 0;
};
/// What a kind of number does, without its type.
struct any_number {
  std::unique_ptr<any_caches> (*make)(const cpu& machine, const std::vector<attention_problem>& sequences, page_layout how);
  attention_problem (*cached)(const attention_problem&);
  double bound;  ///< of relative L2
};

/// One problem's policies and kernels, without their types.
struct any_variant {
  any_mask mask;
  any_score score;
  float factor;
  const float* logits;     // of sinks, or null
  const sigmoid* bounded;  // or null
  bool look_ahead;         // a query may see later keys: chunks would change what there is to see
  bool narrow_inputs;      // also with q and out of bf16, against inputs that were never rounded
  any_number number;
  const void* object;
  void (*attend)(const void* object, const cpu& machine, const readable<3>& q, void* caches, const index_t* first_query, int count, const writable<3>& out, std::byte* scratch);
};

inline std::vector<double> reference_of(const any_variant& v, const attention_problem& p, int batch, double* largest) {
  const auto score = scaled{.factor = v.factor} >> v.score;
  if (v.logits != nullptr) return reference_attend(p, v.mask, score, sink{v.logits}, largest, batch);
  if (v.bounded != nullptr) return reference_attend(p, v.mask, score, *v.bounded, largest, batch);
  return reference_attend(p, v.mask, score, softmax{}, largest, batch);
}

inline std::vector<attention_problem> random_sequences(std::mt19937& random, bool look_ahead) {
  const auto among = [&](auto... options) {
    const int all[] = {options...};
    return all[random() % sizeof...(options)];
  };
  const int group = among(1, 1, 2, 3, 4, 7, 16), kv = group > 4 ? 1 : among(1, 1, 2, 3);
  const bool large = random() % 12 == 0;
  const int dim = large ? among(96, 192, 320, 576) : 8 * (1 + static_cast<int>(random() % 10)), dim_v = random() % 2 == 0 ? dim : large ? among(64, 128, 512) : 8 * (1 + static_cast<int>(random() % 10));
  const bool latent = dim_v <= dim && random() % 8 == 0;
  const heads shape{group * kv, kv, dim, dim_v, latent ? values_are::first_dims_of_keys : values_are::their_own};
  std::vector<attention_problem> out;
  for (int count = random() % 4 == 0 ? 3 : 1; count > 0; --count) {
    const int keys = large ? among(1, 20, 40) : among(0, 1, 2, 15, 16, 17, 40, 60, 100, 127, 128, 129, 200, 260);
    const int most_queries = std::max(1, std::min(keys, (large ? 60 : 240) / group));
    int queries = random() % 4 == 0 ? 1 : 1 + static_cast<int>(random() % static_cast<unsigned>(most_queries));
    if (look_ahead && random() % 16 == 0) queries = keys + 5;  // more queries than keys
    if (!look_ahead) queries = std::min(queries, keys);        // appended as they come
    attention_problem p(shape, queries, keys, static_cast<unsigned>(random()), random() % 4 == 0 ? 6.0f : 1.0f);
    if (latent)
      for (index_t row = 0; row < p.keys * kv; ++row) std::copy_n(p.k.begin() + row * dim, dim_v, p.v.begin() + row * dim_v);
    out.push_back(std::move(p));
  }
  return out;
}

inline double distance_of(const std::vector<float>& got, const std::vector<std::vector<double>>& want) {
  std::vector<double> all;
  for (const auto& each : want) all.insert(all.end(), each.begin(), each.end());
  return distance(got, all);
}

inline std::vector<float> run_variant(const any_variant& v, const std::vector<attention_problem>& sequences, page_layout how, index_t chunk, bool narrow) {
  const cpu machine({.threads = static_cast<int>(1 + how.seed % 3)});
  const std::unique_ptr<any_caches> caches = v.number.make(machine, sequences, how);
  const heads& shape = sequences[0].shape;
  std::vector<index_t> first_query{0};
  std::vector<float> wide_q;
  std::vector<bf16> narrow_q;
  index_t keys = 0, most = 0;
  for (const auto& p : sequences) {
    keys = std::max(keys, p.keys), most = std::max(most, p.queries);
    first_query.push_back(first_query.back() + p.queries);
    wide_q.insert(wide_q.end(), p.q.begin(), p.q.end());
  }
  for (const float x : wide_q) narrow_q.push_back(bf16(x));
  const index_t queries = first_query.back();
  const buffer scratch(attention_scratch(machine, shape, most, keys));
  std::memset(scratch.data(), 0xff, scratch.size());
  std::vector<float> result(static_cast<std::size_t>(queries * shape.query * shape.dim_v));
  std::vector<bf16> narrow_result(result.size());
  const readable<3> q = narrow ? readable<3>(view<const bf16, 3>(narrow_q.data(), queries, shape.query, shape.dim)) : readable<3>(view<const float, 3>(wide_q.data(), queries, shape.query, shape.dim));
  const writable<3> out = narrow ? writable<3>(view<bf16, 3>(narrow_result.data(), queries, shape.query, shape.dim_v)) : writable<3>(view<float, 3>(result.data(), queries, shape.query, shape.dim_v));
  for (index_t first = 0; first < queries; first += chunk) {  // more than one chunk only of a single sequence: its keys come as its queries do
    const index_t count = std::min(chunk, queries - first), ends[] = {0, count};
    if (count < queries) caches->set_length(sequences[0].keys - queries + first + count);
    v.attend(v.object, machine, q.rows(first, count), caches->get(), count < queries ? ends : first_query.data(), static_cast<int>(sequences.size()), out.rows(first, count), scratch.data());
  }
  if (narrow)
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<float>(narrow_result[i]);
  return result;
}

/// How far rounding q, k, v and out to bf16 takes exact arithmetic from what was asked.
inline double rounding_alone(const any_variant& v, const std::vector<attention_problem>& sequences, const std::vector<std::vector<double>>& want) {
  std::vector<float> rounded;
  for (std::size_t b = 0; b < sequences.size(); ++b) {
    attention_problem p = v.number.cached(sequences[b]);
    for (float& x : p.q) x = static_cast<float>(bf16(x));
    for (const double x : reference_of(v, p, static_cast<int>(b), nullptr)) rounded.push_back(static_cast<float>(bf16(static_cast<float>(x))));
  }
  return distance_of(rounded, want);
}

/// Runs and checks one problem.
inline void check_variant(unsigned seed, const any_variant& v, const std::vector<attention_problem>& sequences, std::mt19937& random) {
  const heads& shape = sequences[0].shape;
  CAPTURE(seed);
  CAPTURE(shape.query);
  CAPTURE(shape.kv);
  CAPTURE(shape.dim);
  CAPTURE(shape.dim_v);
  CAPTURE(sequences.size());
  CAPTURE(sequences[0].queries);
  CAPTURE(sequences[0].keys);
  const index_t sizes[] = {0, 0, 128, 16, 64, 5, 33};
  const page_layout how{sizes[random() % 7], static_cast<unsigned>(random())};
  CAPTURE(how.page_keys);
  const bool chunked = sequences.size() == 1 && !v.look_ahead && random() % 2 == 0;
  const index_t chunk = chunked ? 1 + static_cast<index_t>(random() % 40) : 1000;
  CAPTURE(chunk);
  double largest = 0;
  std::vector<std::vector<double>> want, want_of_given;
  for (std::size_t b = 0; b < sequences.size(); ++b) want.push_back(reference_of(v, v.number.cached(sequences[b]), static_cast<int>(b), &largest));
  const std::vector<float> got = run_variant(v, sequences, how, chunk, false);
  const double off = distance_of(got, want);
  // Where few values cancel, rounding to bf16 alone can cost more, in exact arithmetic: then that is the measure.
  if (v.number.bound <= 2e-6 || off > v.number.bound * std::max(1.0, largest / 8)) CHECK(off <= std::max(v.number.bound * std::max(1.0, largest / 8), v.number.bound <= 2e-6 ? 0 : 1.5 * rounding_alone(v, sequences, want)));
  // Pages and chunks change no bit.
  if (chunked || how.page_keys != 0) CHECK(same_bits(got, run_variant(v, sequences, {}, 1000, false)));
  if (v.narrow_inputs) {
    for (std::size_t b = 0; b < sequences.size(); ++b) want_of_given.push_back(reference_of(v, sequences[b], static_cast<int>(b), nullptr));
    const double apart = distance_of(run_variant(v, sequences, how, chunk, true), want_of_given), bound = 5e-3 * std::max(1.0, largest / 8);
    // Where few values cancel, rounding the inputs alone can cost more, in exact arithmetic: then that is the measure.
    if (apart > bound) CHECK(apart <= 1.5 * rounding_alone(v, sequences, want_of_given));
  }
}

// --- What each number adds ---

template <class Number>
struct held_sequences final : any_caches {
  std::vector<held_cache<Number, cpu>> held;
  std::vector<cache_view<Number>> caches;

  held_sequences(const cpu& machine, const std::vector<attention_problem>& sequences, page_layout how) {
    for (const auto& p : sequences) {
      held.emplace_back(machine, p.shape, p.keys + 3, page_layout{how.page_keys, how.seed + static_cast<unsigned>(held.size())});
      held.back().take(machine, p, 0, p.keys);
      caches.push_back(held.back().cache);
    }
  }
  void set_length(index_t length) override { caches[0].length = length; }
  void* get() override { return caches.data(); }
};
template <class Number>
any_number erase_number() {
  return {[](const cpu& machine, const std::vector<attention_problem>& sequences, page_layout how) -> std::unique_ptr<any_caches> {
            return std::make_unique<held_sequences<Number>>(machine, sequences, how);
          },
          as_cached<Number>, bound_of<Number>(cpu())};
}

// --- What each variant adds ---

template <class Mask, class Score, class Weighting>
struct variant_policies {
  Mask mask;
  Score score;
  Weighting weighting;
};
template <class Number, class Mask, class Score, class Weighting>
any_variant erase_variant(const variant_policies<Mask, Score, Weighting>& own, bool look_ahead) {
  any_variant v{};
  v.mask = {&own.mask, [](const void* o, position p) { return static_cast<const Mask*>(o)->keep(p); }};
  v.score = {&own.score, [](const void* o, double s, position p) { return static_cast<const Score*>(o)->adjust(s, p); }};
  v.factor = factor_of(own.score);
  v.logits = sinks(own.weighting);
  if constexpr (requires { own.weighting.bias; }) v.bounded = &own.weighting;
  v.look_ahead = look_ahead;
  v.narrow_inputs = std::is_same_v<Number, bf16>;
  v.object = &own;
  v.number = erase_number<Number>();
  v.attend = [](const void* object, const cpu& machine, const readable<3>& q, void* caches, const index_t* first_query, int count, const writable<3>& out, std::byte* scratch) {
    const auto& policies = *static_cast<const variant_policies<Mask, Score, Weighting>*>(object);
    const ragged<Number> batch{static_cast<cache_view<Number>*>(caches), first_query, count};
    tenon::attend<0, 0>(machine, q, batch, out, policies.mask, policies.score, scratch, policies.weighting);
  };
  return v;
}

using variant_types = std::set<std::pair<std::type_index, std::type_index>>;
[[gnu::noinline]] inline void note(variant_types& types, const std::type_info& policies, const std::type_info& number) { types.insert({policies, number}); }

/// The variant that `Seed` names, on `problems` problems.
template <unsigned Seed>
void run_generated(const generator_operands& data, int problems, variant_types& types) {
  using number = decltype(make_number<Seed>());
  constexpr bool look_ahead = mix(Seed + 17) % 3 == 0;
  std::mt19937 random(Seed);
  for (int i = 0; i < problems; ++i) {
    const std::vector<attention_problem> sequences = random_sequences(random, look_ahead);
    const generator_draw draw{random, data, sequences[0].shape.query, static_cast<int>(sequences[0].keys)};
    const auto run = [&](const auto& mask) {
      const variant_policies own{mask, make_score<Seed>(draw), make_weighting<Seed>(draw)};
      note(types, typeid(own), typeid(number));
      check_variant(Seed, erase_variant<number>(own, look_ahead), sequences, random);
    };
    if constexpr (look_ahead)
      run(make_mask<mix(Seed), 2>(draw));
    else
      run(all_of(causal{}, make_mask<mix(Seed), 2>(draw)));
  }
}

/// Variants [First, First + sizeof...(I)); all are different types but for a few.
template <unsigned First, unsigned... I>
void run_all_generated(int problems, std::integer_sequence<unsigned, I...>) {
  const generator_operands data;
  variant_types types;
  (run_generated<First + I>(data, problems, types), ...);
  MESSAGE("variants: ", types.size());
  CHECK(types.size() + 1 >= sizeof...(I));
}

}  // namespace tenon::testing
