// A cache and attention over it, on sm_90a.
#define TENON_TEST_ARCHS tenon::sm90a
#include "../cached.cpp"
