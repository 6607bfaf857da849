// Attention over a cache in pages on sm_90a, by its own kernels.
#define TENON_TEST_ARCHS tenon::sm90a
#include "../paged.cpp"
