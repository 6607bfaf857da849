// Groups of as many heads as the models of the zoo have, over a cache on AMD's GPUs.
#define TENON_TEST_ARCHS tenon::gfx90a, tenon::gfx942, tenon::gfx1100, tenon::gfx1201
#include "cached_groups.cpp"
