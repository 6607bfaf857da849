#pragma once
// What the processor can do at most, measured: the multiply-add instructions back to back on independent registers, and memory
// read in order. A kernel's time is judged beside these, taken in the same program.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <tenon/core/memory.hpp>
#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN

/// Rates per second over all threads of a machine. A multiply-add counts as two operations.
struct limits {
  int threads = 1;
  double fp32 = 0;       ///< floating-point operations, fp32
  double bf16 = 0;       ///< operations of the bf16 dot instruction; 0 where the program is not compiled for it
  double int8 = 0;       ///< operations of the int8 dot instruction; 0 where the program is not compiled for it
  double bandwidth = 0;  ///< bytes read from memory
};

namespace limits_detail {

inline double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// One instruction each: `step` adds to `sum`; `operations` counts both multiplications and additions of all lanes.
#if defined(__AVX512F__) || defined(__AVX2__)
#if defined(__AVX512F__)
typedef float floats __attribute__((vector_size(64)));
constexpr int registers = 28;
#else
typedef float floats __attribute__((vector_size(32)));
constexpr int registers = 12;
#endif
struct fp32_step {
  static constexpr double operations = sizeof(floats) / 2.0;
  TENON_INLINE static void step(floats& sum, const floats& x) { __asm__ volatile("vfmadd231ps %1, %1, %0" : "+v"(sum) : "v"(x)); }
};
#elif defined(__aarch64__)
typedef float floats __attribute__((vector_size(16)));
constexpr int registers = 24;
struct fp32_step {
  static constexpr double operations = 8;
  TENON_INLINE static void step(floats& sum, const floats& x) { __asm__ volatile("fmla %0.4s, %1.4s, %1.4s" : "+w"(sum) : "w"(x)); }
};
#else
typedef float floats __attribute__((vector_size(16)));
constexpr int registers = 12;
struct fp32_step {
  static constexpr double operations = 8;
  TENON_INLINE static void step(floats& sum, const floats& x) {
    sum = sum * x + x;
    __asm__ volatile("" : "+m"(sum));
  }
};
#endif

struct no_step {
  static constexpr double operations = 0;
  TENON_INLINE static void step(floats&, const floats&) {}
};

#if defined(__AVX512BF16__)
struct bf16_step {
  static constexpr double operations = sizeof(floats);
  TENON_INLINE static void step(floats& sum, const floats& x) { __asm__ volatile("vdpbf16ps %1, %1, %0" : "+v"(sum) : "v"(x)); }
};
#elif defined(__ARM_FEATURE_BF16)
struct bf16_step {
  static constexpr double operations = 16;
  TENON_INLINE static void step(floats& sum, const floats& x) { __asm__ volatile("bfdot %0.4s, %1.8h, %1.8h" : "+w"(sum) : "w"(x)); }
};
#else
using bf16_step = no_step;
#endif

#if defined(__AVX512VNNI__)
struct int8_step {
  static constexpr double operations = 2.0 * sizeof(floats);
  TENON_INLINE static void step(floats& sum, const floats& x) { __asm__ volatile("vpdpbusd %1, %1, %0" : "+v"(sum) : "v"(x)); }
};
#elif defined(__AVXVNNI__)
struct int8_step {
  static constexpr double operations = 2.0 * sizeof(floats);
  TENON_INLINE static void step(floats& sum, const floats& x) { __asm__ volatile("{vex} vpdpbusd %1, %1, %0" : "+x"(sum) : "x"(x)); }
};
#elif defined(__ARM_FEATURE_DOTPROD)
struct int8_step {
  static constexpr double operations = 32;
  TENON_INLINE static void step(floats& sum, const floats& x) { __asm__ volatile("sdot %0.4s, %1.16b, %1.16b" : "+w"(sum) : "w"(x)); }
};
#else
using int8_step = no_step;
#endif

// Operations per second of `Step`, on every thread at once: the best of the short runs that fit `seconds`.
template <class Step, class Machine>
double rate(const Machine& machine, double seconds) {
  if constexpr (Step::operations == 0) return 0;
  constexpr int rounds = 20'000;
  double best = 0;
  for (const double end = now() + seconds; now() < end;) {
    const double begin = now();
    machine.parallel(machine.threads(), [](int) {
      [rounds = rounds]<std::size_t... I>(std::index_sequence<I...>) {
        floats sums[sizeof...(I)] = {};
        const floats x = {};
        for (int round = 0; round < rounds; ++round) (Step::step(sums[I], x), ...);
      }(std::make_index_sequence<registers>{});
    });
    const double operations = Step::operations * registers * static_cast<double>(rounds) * machine.threads();
    best = std::max(best, operations / (now() - begin));
  }
  return best;
}

// Each thread reads its own stretch, far larger than the caches, as two streams.
inline constexpr std::size_t stretch = std::size_t{128} << 20, half = stretch / 2;
template <class Machine, class F>
void each_stretch(const Machine& machine, std::byte* memory, const F& f) {
  machine.parallel(machine.threads(), [&](int part) { f(memory + stretch * static_cast<std::size_t>(part)); });
}
// Bytes per second read from `memory`: the best of the passes that fit `seconds`.
template <class Machine>
double bandwidth(const Machine& machine, std::byte* memory, double seconds) {
  double best = 0;
  for (const double end = now() + seconds; now() < end;) {
    const double begin = now();
    each_stretch(machine, memory, [](const std::byte* mine) {
      typedef std::int32_t ints __attribute__((vector_size(sizeof(floats))));
      ints sum[4] = {};
      for (std::size_t at = 0; at < half; at += 2 * sizeof(ints))
        for (std::size_t i = 0; i < 2; ++i) {
          sum[i] |= *reinterpret_cast<const ints*>(mine + at + i * sizeof(ints));
          sum[2 + i] |= *reinterpret_cast<const ints*>(mine + half + at + i * sizeof(ints));
        }
      __asm__ volatile("" : : "m"(sum));
    });
    best = std::max(best, static_cast<double>(stretch) * machine.threads() / (now() - begin));
  }
  return best;
}

}  // namespace limits_detail

/// Measures the rates of one machine again and again: what it can do changes with the other work that it has.
template <class Machine>
class limits_probe {
 public:
  /// Takes 128 MiB per thread.
  explicit limits_probe(const Machine& of) : machine_(of), memory_(limits_detail::stretch * static_cast<std::size_t>(of.threads()), "the bandwidth probe") {
    limits_detail::each_stretch(machine_, memory_.data(), [](std::byte* mine) { __builtin_memset(mine, 1, limits_detail::stretch); });
  }
  /// All four, `seconds` each.
  limits measure(double seconds) const {
    return {.threads = machine_.threads(),
            .fp32 = limits_detail::rate<limits_detail::fp32_step>(machine_, seconds),
            .bf16 = limits_detail::rate<limits_detail::bf16_step>(machine_, seconds),
            .int8 = limits_detail::rate<limits_detail::int8_step>(machine_, seconds),
            .bandwidth = limits_detail::bandwidth(machine_, memory_.data(), seconds)};
  }

 private:
  Machine machine_;
  buffer memory_;
};

/// Measures all four; takes about a second. Other work on the machine makes them smaller: run it where the benches run.
template <class Machine>
limits measure_limits(const Machine& machine) {
  return limits_probe<Machine>(machine).measure(0.2);
}

TENON_KERNELS_END
