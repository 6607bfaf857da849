// Runs both kernels, the wide one only where the processor has its instructions, and compares them.
#include "normalize.hpp"

#include <cmath>
#include <cstdio>

int main() {
  constexpr long tokens = 3, width = 200;
  float x[tokens * width], gain[width], plain[tokens * width], wide[tokens * width];
  for (long i = 0; i < tokens * width; ++i) x[i] = std::sin(static_cast<float>(i));
  for (long i = 0; i < width; ++i) gain[i] = 1 + static_cast<float>(i % 7);
  normalize_plain(x, gain, tokens, width, plain);
  double sum = 0;
  for (long i = 0; i < width; ++i) sum += double(x[i]) * double(x[i]);
  const double expected = double(x[1]) * double(gain[1]) / std::sqrt(sum / double(width) + 1e-5);
  if (!(std::fabs(double(plain[1]) - expected) < 1e-5)) return std::puts("the plain kernel is wrong"), 1;
  if (!refuses_plain()) return std::puts("the plain object does not refuse unequal shapes"), 1;
  if (!__builtin_cpu_supports("x86-64-v4")) return std::puts("plain: right; wide: this processor has no AVX-512"), 0;
  normalize_wide(x, gain, tokens, width, wide);
  for (long i = 0; i < tokens * width; ++i) {
    if (!(std::fabs(plain[i] - wide[i]) < 1e-5f)) return std::puts("the kernels differ"), 1;
  }
  std::puts("plain and wide: right");
}
