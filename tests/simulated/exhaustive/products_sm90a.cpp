// Products as launch functions start them, on sm_90a: bf16 by its own kernel, weights as they are stored by those of sm_80.
#define TENON_TEST_ARCHS tenon::sm90a
#include "../products.cpp"
