#pragma once
// One function over tenon's kernels, defined twice: in an object for any x86-64 and in one for the widest.

using normalize_function = void(const float* x, const float* gain, long tokens, long width, float* out);
normalize_function normalize_plain, normalize_wide;

/// Whether the call of a kernel with unequal shapes throws the right sentence: the way of an error must be plain, too.
bool refuses_plain();
