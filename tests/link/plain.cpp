#include "kernel.inc"

void normalize_plain(const float* x, const float* gain, long tokens, long width, float* out) { normalize(x, gain, tokens, width, out); }
bool refuses_plain() { return refuses(); }
