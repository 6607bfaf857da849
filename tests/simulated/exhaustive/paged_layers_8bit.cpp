// The tests of paged_layers.cpp over caches of 8 bits.
#define TENON_TEST_ARCHS tenon::sm80, tenon::gfx1201
#define TENON_TEST_CACHE tenon::e4m3_per_128
#include "paged_layers.cpp"
