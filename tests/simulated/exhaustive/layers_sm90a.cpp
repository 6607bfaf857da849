// The layers of layers.cpp here on sm_90a.
#define TENON_TEST_ARCHS tenon::sm90a
#include "layers.cpp"
