// Tokens drawn on sm_90a and on AMD's other GPUs.
#define TENON_TEST_ARCHS tenon::sm90a, tenon::gfx90a, tenon::gfx1100, tenon::gfx1201
#include "../sample.cpp"
