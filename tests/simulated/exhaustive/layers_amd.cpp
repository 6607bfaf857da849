// The layers of layers.cpp here on AMD's other GPUs.
#define TENON_TEST_ARCHS tenon::gfx90a, tenon::gfx1100, tenon::gfx1201
#include "layers.cpp"
