#pragma once
// Scores that add a bias of position, head, query or key, and the soft cap. Operands stay the caller's, and so do the places
// `d_...` of the gradients of learned ones: null where nobody asks, else backward kernels add to them.

#include <cstddef>
#include <cstdint>

#include <tenon/policies/learned.hpp>
#include <tenon/policies/lookup.hpp>
#include <tenon/policies/read_later.hpp>
#include <tenon/policies/score/algebra.hpp>

namespace tenon {

/// c tanh(s / c): scores stay within +-cap. cap > 0.
struct soft_cap {
  float cap;
  template <class T>
  TENON_BOTH TENON_INLINE constexpr T adjust(T s, position) const {
    return cap * tanh(s / cap);
  }
};

/// s - m_h |i - j| with the slopes of [Press, Smith, Lewis 2022] for `heads` query heads, also where that is no power of two.
struct alibi {
  int heads;
  template <class T>
  TENON_BOTH TENON_INLINE constexpr T adjust(T s, position p) const {
    const int distance = p.query < p.key ? p.key - p.query : p.query - p.key;
    return s - T(slope_of_head(p.head) * static_cast<float>(distance));
  }
  /// m of head h, counted from 0.
  TENON_BOTH TENON_INLINE constexpr float slope_of_head(int h) const {
    const int whole = 1 << (31 - __builtin_clz(static_cast<unsigned>(heads)));  // the largest power of two within
    const float power = h < whole ? -8.0f * static_cast<float>(h + 1) : -4.0f * static_cast<float>(2 * (h - whole) + 1);
    return exp2(power / static_cast<float>(whole));
  }
};

/// Whether a relative bias tells keys before the query from keys after it.
enum class direction : unsigned char { backward, both };

/// s + table[head][bucket(j - i)] with the buckets of T5 [Raffel et al. 2020]: exact for short distances, then logarithmic up to
/// max_distance. direction::both halves the buckets between the sides; backward puts all later keys in bucket 0. d_table as table.
struct relative_bias {
  const float* table;
  int buckets = 32, max_distance = 128;
  direction sides = direction::both;
  float* d_table = nullptr;
  static constexpr lookup looks_up = lookup::some;

  template <class T>
  TENON_BOTH TENON_INLINE constexpr T adjust(T s, position p) const {
    return s + T(table[static_cast<std::ptrdiff_t>(p.head) * buckets + bucket(p.key - p.query)]);
  }
  TENON_BOTH TENON_INLINE constexpr int bucket(int relative) const {
    const int of_side = sides == direction::both ? buckets / 2 : buckets, exact = of_side / 2;
    const int side = sides == direction::both && relative > 0 ? of_side : 0;
    const int forward = sides == direction::both ? relative : 0;
    const int distance = relative > 0 ? forward : -relative;
    if (distance < exact) return side + distance;
    const float ratio = log(static_cast<float>(distance) / static_cast<float>(exact)) / log(static_cast<float>(max_distance) / static_cast<float>(exact));
    const int far = exact + static_cast<int>(ratio * static_cast<float>(of_side - exact));
    return side + (far < of_side - 1 ? far : of_side - 1);
  }
  template <class T>
  TENON_BOTH TENON_INLINE constexpr T slope(T, position) const {
    return T(1);
  }
  static constexpr per learned = per::distance;
  static constexpr partitioned_by operands = partitioned_by::head;
  TENON_BOTH constexpr bool learning() const { return d_table != nullptr; }
  TENON_BOTH constexpr void learn(float ds, position p) const { d_table[static_cast<std::ptrdiff_t>(p.head) * buckets + bucket(p.key - p.query)] += ds; }
};

/// s + sum_f a_f cos(w_f (i - j)) + b_f sin(w_f (i - j)), w_f = first ratio^f: a and b learned, [head][terms], and so are
/// d_cosine and d_sine, both or none. |w_f (i - j)| <= 6000.
struct fourier {
  const float *cosine, *sine;
  int terms;
  float first = 1.0f, ratio = 0.5f;
  float *d_cosine = nullptr, *d_sine = nullptr;
  static constexpr lookup looks_up = lookup::some;

  template <class T>
  TENON_BOTH TENON_INLINE constexpr T adjust(T s, position p) const {
    const std::ptrdiff_t own = static_cast<std::ptrdiff_t>(p.head) * terms;
    float frequency = first;
    for (int f = 0; f < terms; ++f, frequency *= ratio) {
      const T angle = T(frequency) * T(static_cast<float>(p.query - p.key));
      s = s + T(cosine[own + f]) * cos(angle) + T(sine[own + f]) * sin(angle);
    }
    return s;
  }
  template <class T>
  TENON_BOTH TENON_INLINE constexpr T slope(T, position) const {
    return T(1);
  }
  static constexpr per learned = per::distance;
  static constexpr partitioned_by operands = partitioned_by::head;
  TENON_BOTH constexpr bool learning() const { return d_cosine != nullptr; }
  TENON_BOTH constexpr void learn(float ds, position p) const {
    const std::ptrdiff_t own = static_cast<std::ptrdiff_t>(p.head) * terms;
    float frequency = first;
    for (int f = 0; f < terms; ++f, frequency *= ratio) {
      const float angle = frequency * static_cast<float>(p.query - p.key);
      d_cosine[own + f] += ds * cos(angle);
      d_sine[own + f] += ds * sin(angle);
    }
  }
};

/// s + values[batch][j]: what a gate or a prior says about each key, `batch_stride` apart (0: one for all). -inf hides a key.
/// d_values as values.
struct key_bias {
  const float* values;
  std::ptrdiff_t batch_stride = 0;
  float* d_values = nullptr;
  static constexpr lookup looks_up = lookup::by_key;
  template <class T>
  TENON_BOTH TENON_INLINE constexpr T adjust(T s, position p) const {
    return s + T(values[p.batch * batch_stride + p.key]);
  }
  template <class T>
  TENON_BOTH TENON_INLINE constexpr T slope(T, position) const {
    return T(1);
  }
  static constexpr per learned = per::key;
  static constexpr partitioned_by operands = partitioned_by::place;
  TENON_BOTH constexpr bool learning() const { return d_values != nullptr; }
  TENON_BOTH constexpr void learn(float ds, position p) const { d_values[p.batch * batch_stride + p.key] += ds; }
};

/// s + values[batch][i - first_query][head]: the task encoding of 3D attention, q_i . e_task / sqrt(d), one number per query and
/// head, `batch_stride` apart. It is the same for all keys: under softmax it cancels, under sigmoid it acts. d_values as values.
/// First: int or read_later.
template <class First>
struct task_from {
  const float* values;
  int heads;
  First first_query{};
  std::ptrdiff_t batch_stride = 0;
  float* d_values = nullptr;
  template <class T>
  TENON_BOTH TENON_INLINE constexpr T adjust(T s, position p) const {
    return s + T(values[place(p)]);
  }
  template <class T>
  TENON_BOTH TENON_INLINE constexpr T slope(T, position) const {
    return T(1);
  }
  static constexpr per learned = per::query;
  static constexpr partitioned_by operands = partitioned_by::place;
  TENON_BOTH constexpr bool learning() const { return d_values != nullptr; }
  TENON_BOTH constexpr void learn(float ds, position p) const { d_values[place(p)] += ds; }

 private:
  TENON_BOTH TENON_INLINE constexpr std::ptrdiff_t place(position p) const {
    return p.batch * batch_stride + static_cast<std::ptrdiff_t>(p.query - first_query) * heads + p.head;
  }
};
using task = task_from<int>;

}  // namespace tenon
