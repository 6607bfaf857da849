// Products as launch functions start them, on sm_89, which multiplies e4m3 by the words of sm_80.
#define TENON_TEST_ARCHS tenon::sm89
#include "../products.cpp"
