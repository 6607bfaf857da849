// Linear attention and its gradients on sm_90a, by the text of sm_80.
#define TENON_TEST_ARCHS tenon::sm90a
#include "../linear_attention.cpp"
