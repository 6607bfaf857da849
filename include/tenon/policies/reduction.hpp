#pragma once
// The order in which partial sums over keys are taken: what a result's last bits may depend on.

namespace tenon {

/// Partial sums over key ranges [n length, (n + 1) length), counted from key 0 and merged in order. A row's bits are then the
/// same whatever the other rows, the number of threads and the chunks in which the prompt came. length: a multiple of 128.
struct fixed_split {
  int length = 512;
};

/// One running sum over all keys: as reproducible, but one query's keys are never spread over threads.
struct sequential {};

/// As suits the machine and the load: bits may change with the number of threads.
struct any {};

}  // namespace tenon
