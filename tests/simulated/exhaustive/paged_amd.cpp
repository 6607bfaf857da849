// A cache in pages, on AMD's GPUs.
#define TENON_TEST_ARCHS tenon::gfx90a, tenon::gfx942, tenon::gfx1100, tenon::gfx1201
#include "../paged.cpp"
