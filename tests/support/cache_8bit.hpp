#pragma once
// Caches of 8 bits on GPUs beside a processor's: what its bytes are, and what these stand for.

#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <tenon/kernels/launch/gpu/append.hpp>

namespace tenon_test {

using namespace tenon;

inline std::vector<float> normal_floats(index_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(static_cast<std::size_t>(count));
  for (float& x : out) x = normal(random);
  return out;
}

/// Of one sequence: rows [token, kv_head, dim] as a processor keeps them.
template <class Number>
struct kept_rows_of_host {
  std::vector<std::uint8_t> bytes;
  std::vector<float> scales, values;  ///< per row; what the bytes stand for
};
template <class Number>
float number_of(std::uint8_t byte) {
  return static_cast<float>(bit_cast<typename Number::storage>(byte));
}

/// Keys and values that went through a processor's cache. Row 3 is 0, row 4 tiny; where `poisoned`, row 5 is huge or infinite, row 6 has an infinity and row 7 no number.
template <class Number, int Kv, int Dim>
struct host_cache {
  std::vector<float> k, v;
  kept_rows_of_host<Number> keys, values;

  host_cache(index_t tokens, bool poisoned) : k(normal_floats(tokens * Kv * Dim, 2)), v(normal_floats(tokens * Kv * Dim, 3)) {
    for (std::vector<float>* x : {&k, &v}) {
      const auto row = [&](index_t token, auto&& f) {
        for (index_t d = 0; d < Dim && token < tokens; ++d) f((*x)[static_cast<std::size_t>(token * Kv * Dim + d)]);
      };
      row(3, [](float& e) { e = 0; }), row(4, [](float& e) { e *= 1e-30f; });
      if (!poisoned) continue;
      row(5, [](float& e) { e *= 1e38f; }), (*x)[6 * Kv * Dim + 5] = std::numeric_limits<float>::infinity(), (*x)[7 * Kv * Dim + 9] = std::numeric_limits<float>::quiet_NaN();
    }
    const cpu machine({.threads = 1});
    constexpr heads shape{Kv, Kv, Dim, Dim};
    const buffer memory(cache_bytes<Number>(machine, shape, tokens));
    cache_view<Number> cache{.data = memory.data(), .shape = shape, .capacity = tokens};
    append(machine, cache, view<const float, 3>(k.data(), tokens, Kv, Dim), view<const float, 3>(v.data(), tokens, Kv, Dim), 0);
    const atoms::cpu_cache<Number> layout(Dim, Dim, tokens);
    for (index_t t = 0; t < tokens; ++t)
      for (int h = 0; h < Kv; ++h) {
        const auto* const in = reinterpret_cast<const std::uint8_t*>(memory.data());
        const auto take = [&](kept_rows_of_host<Number>& to, index_t scales, index_t first, index_t apart) {
          float scale = 0;
          std::memcpy(&scale, in + scales + t % 16 * 4, sizeof scale);
          to.scales.push_back(scale);
          for (index_t d = 0; d < Dim; ++d) {
            to.bytes.push_back(in[first + d * apart]);
            to.values.push_back(number_of<Number>(to.bytes.back()) * scale);
          }
        };
        take(keys, layout.key_scales(h, t), layout.key_panel(h, t) + t % 16, 16);
        take(values, layout.value_scales(h, t), layout.value_panel(h, t) + t % 16 * Dim, 1);
      }
  }
};

/// Its k and v, which lie in memory of the machine, behind each other in `cache`, in two calls; `places`: four numbers there, [0, half, half, tokens].
template <class Machine, class Cache>
void append_in_halves(const Machine& machine, Cache& cache, const float* k, const float* v, const std::int32_t* places, index_t tokens) {
  constexpr int Kv = Cache::kv_heads, Dim = Cache::dim;
  const auto part = [&](index_t from, index_t count, const std::int32_t* at) {
    append(machine, cache, view<const float, 3>(k + from * Kv * Dim, count, Kv, Dim), view<const float, 3>(v + from * Kv * Dim, count, Kv, Dim), device_place{from, at});
  };
  part(0, tokens / 2, places), part(tokens / 2, tokens - tokens / 2, places + 2);
  cache.length_at = nullptr;  // whoever attends says how many it sees
}
inline std::vector<std::int32_t> places_of_halves(index_t tokens) {
  const auto half = static_cast<std::int32_t>(tokens / 2);
  return {0, half, half, static_cast<std::int32_t>(tokens)};
}

/// Whether the rows [token, kv_head] of keys or values of a contiguous cache, which begin at `first`, hold the bytes and the scale of `want`.
template <class Number, class Cache>
bool same_bytes(const Cache& cache, const typename Cache::stored* first, const kept_rows_of_host<Number>& want, index_t tokens) {
  constexpr int Kv = Cache::kv_heads, Dim = Cache::dim;
  bool same = true;
  for (index_t t = 0; t < tokens; ++t)
    for (index_t h = 0; h < Kv; ++h) {
      const auto row = static_cast<std::size_t>(t * Kv + h);
      const index_t at = h * cache.head_stride() + t * Dim;
      same = same && std::memcmp(first + at, want.bytes.data() + row * Dim, Dim) == 0;
      same = same && std::memcmp(reinterpret_cast<const float*>(first + cache.scales()) + at / Dim, &want.scales[row], sizeof(float)) == 0;
    }
  return same;
}

}  // namespace tenon_test
