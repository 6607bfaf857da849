// Products of few tokens with weights as they are stored, on AMD's other GPUs.
#define TENON_TEST_ARCHS tenon::gfx90a, tenon::gfx1100, tenon::gfx1201
#include "../few_tokens.cpp"
