#include "kernel.inc"

void normalize_wide(const float* x, const float* gain, long tokens, long width, float* out) {
  if (refuses()) normalize(x, gain, tokens, width, out);
}
