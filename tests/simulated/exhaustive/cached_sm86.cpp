// A cache and attention over it in the tiles of sm_86 and of sm_89, whose multiprocessors share less.
#define TENON_TEST_ARCHS tenon::sm86, tenon::sm89
#include "../cached.cpp"
