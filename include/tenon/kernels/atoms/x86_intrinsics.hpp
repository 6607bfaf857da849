#pragma once
// The vector instructions of x86. g++ 12 warns of its own deliberately undefined operands wherever it inlines one of them
// (GCC bug 105593); the warning belongs to its header and is silenced there.

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
