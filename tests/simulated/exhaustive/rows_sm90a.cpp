// What models do row by row on sm_90a, by the text of sm_80.
#define TENON_TEST_ARCHS tenon::sm90a
#include "../rows.cpp"
