#pragma once
// The processor as a machine: which words it speaks (Atoms) and how many threads take part.

#include <tenon/core/config.hpp>
#include <tenon/kernels/atoms/cpu_scalar/machine.hpp>

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <tenon/kernels/atoms/cpu_avx512/machine.hpp>
#endif
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <tenon/kernels/atoms/cpu_avx2/machine.hpp>
#endif
#if defined(__ARM_NEON) && defined(__aarch64__)
#include <tenon/kernels/atoms/cpu_neon/machine.hpp>
#endif

#ifdef _OPENMP
#include <omp.h>
#endif

TENON_KERNELS_BEGIN

/// What a user may ask of the processor.
struct cpu_options {
  int threads = 0;  ///< 0: all that the system offers (OMP_NUM_THREADS is respected); without OpenMP always 1
};

/// A processor that speaks the words of `Atoms`. A small value: copies are the same machine. Several host threads may use
/// one machine, or one each, at the same time.
template <class Atoms>
class basic_cpu {
 public:
  using atoms = Atoms;

  basic_cpu() : basic_cpu(cpu_options{}) {}
  explicit basic_cpu(cpu_options options) {
#ifdef _OPENMP
    threads_ = options.threads > 0 ? options.threads : omp_get_max_threads();
#else
    static_cast<void>(options);
#endif
  }

  int threads() const noexcept { return threads_; }

  /// Calls f(part) for each part in [0, parts), on up to threads() threads, and returns when all are done.
  /// What f computes must depend on the part only: the number of threads is never visible in a result.
  template <class F>
  void parallel(int parts, F&& f) const noexcept {
#ifdef _OPENMP
    if (parts > 1 && threads_ > 1) {
#pragma omp parallel for schedule(static, 1) num_threads(parts < threads_ ? parts : threads_)
      for (int part = 0; part < parts; ++part) f(part);
      return;
    }
#endif
    for (int part = 0; part < parts; ++part) f(part);
  }

 private:
  int threads_ = 1;
};

using cpu_scalar = basic_cpu<atoms::cpu_scalar>;
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
using cpu_avx2 = basic_cpu<atoms::cpu_avx2>;
#endif
/// The best of the machines that this translation unit is compiled for.
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
using cpu_avx512 = basic_cpu<atoms::cpu_avx512>;
using cpu = cpu_avx512;
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
using cpu = cpu_avx2;
#elif defined(__ARM_NEON) && defined(__aarch64__)
using cpu_neon = basic_cpu<atoms::cpu_neon>;
using cpu = cpu_neon;
#else
using cpu = cpu_scalar;
#endif

TENON_KERNELS_END
