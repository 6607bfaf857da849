// Activations of 8 bits on all other GPUs.
#define TENON_TEST_ARCHS tenon::sm90a, tenon::gfx90a, tenon::gfx1100, tenon::gfx1201
#include "../quantise.cpp"
