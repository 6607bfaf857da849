#pragma once
// A cache of some of a sequence's keys on a GPU, which alone decides and counts: their number lies where kernels read it, and the host once they have
// ended. Called as on a processor (launch/kept_keys.hpp): one block decides, and `append` stores.

#include <tenon/kernels/launch/gpu/append.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/kept_keys.hpp>
#include <tenon/kernels/shared/device_block.hpp>

TENON_KERNELS_BEGIN

/// What a sequence has kept so far.
struct kept_tally {
  std::int32_t length = 0, shift = 0;       ///< keys in the cache; for gathered_keys
  std::int64_t decided = 0, left_out = 0;   ///< over all blocks
};

/// The lists, and for each token of a block, at most 512, its slot.
template <device_machine Machine>
struct kept_keys<Machine> {
  static constexpr index_t most_tokens = 512;
  std::int32_t* positions = nullptr;
  float* log_gate = nullptr;
  std::int32_t* slots = nullptr;
  kept_tally* tally = nullptr;

  kept_keys() = default;
  kept_keys(const Machine& machine, std::byte* memory, index_t capacity)
      : positions(reinterpret_cast<std::int32_t*>(memory)), log_gate(reinterpret_cast<float*>(memory + list_bytes(capacity))),
        slots(reinterpret_cast<std::int32_t*>(memory + 2 * list_bytes(capacity))), tally(reinterpret_cast<kept_tally*>(slots + most_tokens)) {
    *tally = {};
    wrote(machine, tally, sizeof *tally);
  }
  static std::size_t list_bytes(index_t capacity) { return round_up(static_cast<std::size_t>(capacity) * 4, 64); }
  /// As on a processor, but that the tally says how many: the host's number may be what a read that failed could have kept. The kernels of `from` have
  /// ended; those that read these lists come after.
  void carry(const Machine& machine, const kept_keys& from, index_t) {
    const auto count = static_cast<std::size_t>(from.tally->length);
    const auto copied = [&](auto* to, const auto* of) {
      copy_within(machine, reinterpret_cast<std::byte*>(to), reinterpret_cast<const std::byte*>(of), count * sizeof *to);
    };
    copied(positions, from.positions), copied(log_gate, from.log_gate);
    *tally = *from.tally;
    wrote(machine, tally, sizeof *tally);
  }
};
template <device_machine Machine>
std::size_t kept_keys_bytes(const Machine&, index_t capacity) {
  return 2 * kept_keys<Machine>::list_bytes(capacity) + static_cast<std::size_t>(kept_keys<Machine>::most_tokens) * 4 + 64;
}

/// A thread per token. One block.
template <class Leaf>
struct keep_keys_body {
  static constexpr int threads = 512, shared_bytes = reduction_bytes<Leaf, threads>;
  const float* gate;
  index_t gate_stride;
  float threshold;
  int tokens;
  const std::int32_t* first;  ///< position of token 0, in memory
  std::int32_t *positions, *slots;
  float* log_gate;
  kept_tally* tally;

  TENON_BOTH void operator()() const {
    // Every thread asks where the block begins before any of them changes the lists: sum_before has a barrier.
    const int t = Leaf::thread(), position = Leaf::load(first) + t;
    const int before = kernel_detail::keys_before(position - t, Leaf::load(&tally->length), [this](int i) TENON_LAMBDA { return Leaf::load(positions + i); });
    const bool there = t < tokens;
    const float z = there ? Leaf::load(gate + t * gate_stride) : 0.0f;
    const bool kept = there && !(logistic(z) < threshold);
    std::uint32_t all = 0;
    const int slot = before + static_cast<int>(sum_before<Leaf, threads>(kept ? 1u : 0u, all));
    if (there) Leaf::store(slots + t, kept ? slot : -1);
    if (kept) {
      Leaf::store(positions + slot, position);
      Leaf::store(log_gate + slot, log_logistic(z));
    }
    if (t != 0) return;
    const int length = before + static_cast<int>(all);
    Leaf::store(&tally->length, length);
    Leaf::store(&tally->shift, position + tokens - length);
    add(&tally->decided, tokens);
    add(&tally->left_out, tokens - static_cast<int>(all));
  }

 private:
  TENON_BOTH TENON_INLINE static void add(std::int64_t* to, int more) { store_eight<Leaf>(to, load_eight<Leaf>(to) + more); }
};

/// As on a processor, but that nobody knows yet how many were left out: `tally` says.
template <device_machine Machine, cache_of_device Cache>
void append_kept(const Machine& machine, Cache& cache, const kept_keys<Machine>& list, view<const float, 2> gate, float threshold, view<const float, 3> k,
                 view<const float, 3> v, device_place first) {
  using body = keep_keys_body<typename Machine::leaf>;
  const index_t tokens = k.extent[0];
  kernel_detail::check_gate(gate, tokens);
  if (tokens > list.most_tokens) throw error("[gate] of append_kept has ", tokens, " tokens: a GPU decides of at most ", list.most_tokens, " at once. Fix: smaller blocks.");
  kernel_detail::check_append({Cache::query_heads, Cache::kv_heads, Cache::dim, Cache::dim}, cache.capacity, k, v, first.first);
  if (tokens == 0) return;
  kernel_detail::launch(machine, 1, 1,
                        body{gate.data, gate.stride[0], threshold, static_cast<int>(tokens), first.at, list.positions, list.slots, list.log_gate, list.tally}, body::shared_bytes);
  append(machine, cache, k, v, first, list.slots);
  cache.length_at = &list.tally->length;
}

template <device_machine Machine, cache_of_device Cache>
read_later query_shift(const Cache&, const kept_keys<Machine>& list, device_place, index_t) {
  read_later shift{};
  shift.at = &list.tally->shift;  // nvcc hands an initialiser of one member over without its braces
  return shift;
}

TENON_KERNELS_END
