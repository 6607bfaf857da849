#pragma once
// What a model holds on a machine and does not look into: memory, the cache of a layer, the place of a block of tokens. A processor's are
// these; a GPU's are in launch/gpu/.

#include <concepts>
#include <cstddef>
#include <cstdint>

#include <tenon/core/memory.hpp>
#include <tenon/core/storage.hpp>
#include <tenon/kernels/shared/choice.hpp>
#include <tenon/kernels/shared/packed_matrix.hpp>
#include <tenon/policies/cache.hpp>

TENON_KERNELS_BEGIN

/// Whether kernels only read a piece of memory.
enum class memory_use : unsigned char { constants, results };

/// Memory that kernels of `Machine` reach and the host can read and write: Machine::device_memory where it names one, else the system's. Zeroed,
/// aligned to 64, released at its end. The host touches it only while no kernel may: before launches and after `await`.
template <class Machine>
struct memory_on {
  using type = buffer;
};
template <class Machine>
  requires requires { typename Machine::device_memory; }
struct memory_on<Machine> {
  using type = typename Machine::device_memory;
};
template <class Machine>
typename memory_on<Machine>::type allocate(const Machine& machine, std::size_t bytes, const char* what, [[maybe_unused]] memory_use use = memory_use::results) {
  if constexpr (requires { typename Machine::device_memory; })
    return typename Machine::device_memory(machine, bytes, what, use);
  else
    return buffer(bytes, what);
}

/// The host has written there while no kernel ran: for machines that watch.
template <class Machine>
void wrote(const Machine& machine, const void* data, std::size_t bytes) {
  if constexpr (requires { machine.written(data, bytes); }) machine.written(data, bytes);
}

/// A machine that works in the host's own memory, where the host may look into what kernels wrote at any time.
template <class Machine>
concept host_machine = std::same_as<typename memory_on<Machine>::type, buffer>;

/// Bytes from one place of such memory to another, in order with the kernels.
template <class Machine>
void copy_within(const Machine& machine, std::byte* to, const std::byte* from, std::size_t bytes) {
  if constexpr (requires { machine.copy(to, from, bytes); })
    machine.copy(to, from, bytes);
  else
    __builtin_memcpy(to, from, bytes);
}

/// Until every kernel that was started has ended and its results can be read.
template <class Machine>
void await(const Machine& machine) {
  if constexpr (requires { machine.wait(); }) machine.wait();
}

/// Rows of floats that kernels write and the host keeps: a processor's are the host's `out` itself.
template <class Machine>
struct results_on {
  view<float, 2> rows;
  results_on(const Machine&, view<float, 2> out) : rows(out) {}
  /// Brings them to `out`.
  void collect() const {}
};

/// The cache of one layer of heads `Shape`.
template <class Machine, cache_number Number, heads Shape>
struct cache_on {
  using type = cache_view<Number>;
};

/// `Machine` as the layers of a model see it whose caches lie in pages: a cache_view may or may not, a GPU's kernels are others (launch/gpu/cache.hpp).
template <class Machine>
struct paging_on {
  using type = Machine;
};

/// A cache whose length may change without the launches over it, as `attend` is to be given it: where kernels read the length, of any.
template <class Cache>
Cache of_any_length(Cache cache) {
  if constexpr (requires { cache.length_at; }) cache.length = cache.capacity;
  return cache;
}

/// Whether a machine multiplies numbers of e4m3: of GPUs their words say so (launch/gpu/products.hpp).
template <class Machine>
inline constexpr bool multiplies_e4m3 = false;

/// What kernels are told about the tokens of one block.
template <class Machine>
struct place_on {
  using type = index_t;  ///< position of the first token
};
template <class Machine>
struct announcement {
  const std::int32_t* tokens;
  typename place_on<Machine>::type first;
};
/// Bytes of memory, aligned to 64, that `announce` needs for up to `tokens` tokens, and `announce_place` for none.
template <class Machine>
std::size_t announcement_bytes(const Machine&, index_t) {
  return 0;
}
/// Before the kernels of a block start: it has positions first, first + 1, ... of something that is no sequence of tokens.
template <class Machine>
typename place_on<Machine>::type announce_place(const Machine&, index_t, index_t first, std::byte*) {
  return first;
}
/// Before the kernels of a block start: tokens first, first + 1, ... of a sequence are these. Both must live until the kernels have ended.
template <class Machine>
announcement<Machine> announce(const Machine&, const std::int32_t* tokens, index_t, index_t first, std::byte*) {
  return {tokens, first};
}

/// Bytes of memory, aligned to 64, that a machine draws tokens in: none where the host does.
template <class Machine>
std::size_t draws_bytes(const Machine&, index_t) {
  return 0;
}

/// Runs f(machine) each time it is called; a GPU that records runs what f launched the first time, until `reach` changes.
template <class Machine>
struct repeated_on {
  template <class F>
  void operator()(const Machine& machine, index_t, F&& f) {
    f(machine);
  }
};
/// The tokens of a sequence up to which launches over its cache are the same, for the next one to come to `length`.
template <class Machine>
index_t reach_on(const Machine&, index_t, index_t capacity) {
  return capacity;
}

/// The table that `embed` looks up in: `stored` as it is. `head` is the packed matrix of the same rows, if there is one, else null.
template <class Machine>
std::size_t lookup_bytes(const Machine&, const stored_matrix&, const packed_matrix*) {
  return 0;
}
template <class Machine>
stored_matrix lookup_table(const Machine&, const stored_matrix& stored, const packed_matrix*, std::byte*) {
  return stored;
}

TENON_KERNELS_END
