// Attention of chosen heads under sinks and sigmoid on other GPUs.
#define TENON_TEST_ARCHS tenon::sm90a, tenon::gfx90a, tenon::gfx1100, tenon::gfx1201
#include "../attend_heads.cpp"
