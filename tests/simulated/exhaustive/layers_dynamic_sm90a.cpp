// The layers of layers_dynamic.cpp on sm_90a, whose copy engine is told of caches by maps: across segments, of some heads.
#define TENON_TEST_ARCHS tenon::sm90a
#include "layers_dynamic.cpp"
