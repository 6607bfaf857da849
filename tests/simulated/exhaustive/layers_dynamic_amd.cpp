// The layers of layers_dynamic.cpp on AMD's other GPUs.
#define TENON_TEST_ARCHS tenon::gfx90a, tenon::gfx1100, tenon::gfx1201
#include "layers_dynamic.cpp"
