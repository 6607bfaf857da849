#pragma once
// Where a sequence keeps what its layers remember, the usual case: one stretch of memory of its own, taken when it is made.

#include <tenon/core/fault.hpp>
#include <tenon/core/memory.hpp>
#include <tenon/model/decoder.hpp>

namespace tenon {

/// The states of a sequence of at most `capacity` tokens.
template <class Decoder, class Machine>
class own_memory {
 public:
  using source = index_t;  ///< what a sequence is made with: its capacity
  using layers_on = Machine;  ///< what the layers run on
  using states = typename Decoder::template state<Machine>;

  own_memory(const Machine& machine, index_t capacity) : capacity_(capacity) {
    if (capacity <= 0) throw error("[capacity] of a sequence must be positive. Fix: give the most tokens, prompt and answer together.");
    if (capacity > 0x7fffffff) throw error("[capacity] of a sequence is ", capacity, " tokens: positions count to 2147483647. Fix: a smaller one.");
    std::size_t bytes = 0;
    facts::each_block([&]<class Block, std::size_t>(index_t, index_t) { bytes += Block::state_bytes(machine, capacity); });
    cache_ = allocate(machine, bytes, "the key-value cache");
    std::byte* at = cache_.data();
    facts::each_block([&]<class Block, std::size_t Run>(index_t, index_t) {
      std::get<Run>(states_).push_back(Block::open_state(machine, at, capacity));
      at += Block::state_bytes(machine, capacity);
    });
  }

  /// The most tokens that a sequence of `length` can come to hold, and that any can.
  index_t capacity(index_t) const { return capacity_; }
  index_t most() const { return capacity_; }
  std::size_t bytes() const { return cache_.size(); }

  /// Room for `tokens` from position `length` on. Throws tenon::error where they do not fit, and then changes nothing.
  void extend(index_t length, index_t tokens) {
    if (tokens > capacity_ - length)
      throw error("the cache has room for ", capacity_, " tokens: ", length, " are taken and ", tokens, " more do not fit. Fix: a larger capacity or a shorter prompt.");
  }
  void truncate(index_t) {}
  states& held() { return states_; }
  const states& held() const { return states_; }

 private:
  using facts = typename Decoder::facts;
  index_t capacity_;
  typename memory_on<Machine>::type cache_;
  states states_;
};

}  // namespace tenon
