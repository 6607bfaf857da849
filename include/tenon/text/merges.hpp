#pragma once
// Byte pair encoding (Sennrich et al. 2016): a word's symbols are joined pair by pair, the pair of lowest rank first.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace tenon {

/// Which pairs of tokens join, in which order, into which token.
class merge_table {
 public:
  struct merge {
    std::int32_t rank = -1;  ///< lower joins earlier; negative: the pair does not join
    std::int32_t token = -1;
  };

  merge_table() : merge_table(0) {}
  /// Room for `count` merges.
  explicit merge_table(std::size_t count) : slots_(std::bit_ceil(2 * count + 2)) {}

  /// A pair given twice keeps its last rank, as the published library does.
  void insert(std::int32_t left, std::int32_t right, merge value) { slots_[place(key(left, right))] = {key(left, right), value}; }
  merge find(std::int32_t left, std::int32_t right) const { return slots_[place(key(left, right))].value; }

  /// Memory that `apply` reuses from word to word.
  struct workspace {
    struct symbol {
      std::int32_t token, previous, next;  // neighbours by position, -1 at the ends; token is -1 once joined to the left
    };
    struct candidate {
      std::int32_t rank, position, token;
    };
    std::vector<symbol> symbols;
    std::vector<candidate> heap;
  };

  /// Joins `symbols`, tokens of single bytes on entry, at most 2^31 - 1 of them, and appends what is left to `out`. Time O(n log n).
  void apply(workspace& work, std::vector<std::int32_t>& out) const {
    auto& symbols = work.symbols;
    auto& heap = work.heap;
    using candidate = workspace::candidate;
    // The heap's front is the lowest rank, then the leftmost.
    auto later = [](const candidate& a, const candidate& b) { return a.rank != b.rank ? a.rank > b.rank : a.position > b.position; };
    auto consider = [&](std::int32_t position) {
      const auto& left = symbols[static_cast<std::size_t>(position)];
      const merge joined = find(left.token, symbols[static_cast<std::size_t>(left.next)].token);
      if (joined.rank >= 0) heap.push_back({joined.rank, position, joined.token});
      return joined.rank >= 0;
    };
    heap.clear();
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      symbols[i].previous = static_cast<std::int32_t>(i) - 1;
      symbols[i].next = i + 1 < symbols.size() ? static_cast<std::int32_t>(i) + 1 : -1;
    }
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) consider(static_cast<std::int32_t>(i));
    std::make_heap(heap.begin(), heap.end(), later);
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end(), later);
      const candidate best = heap.back();
      heap.pop_back();
      auto& left = symbols[static_cast<std::size_t>(best.position)];
      if (left.token < 0 || left.next < 0) continue;
      auto& right = symbols[static_cast<std::size_t>(left.next)];
      // A candidate is stale when its pair has changed. The published library asks only whether the pair still joins into the same token.
      const merge now = find(left.token, right.token);
      if (now.rank < 0 || now.token != best.token) continue;
      left.token = best.token;
      left.next = right.next;
      right.token = -1;
      if (left.next >= 0) {
        symbols[static_cast<std::size_t>(left.next)].previous = best.position;
        if (consider(best.position)) std::push_heap(heap.begin(), heap.end(), later);
      }
      if (left.previous >= 0 && consider(left.previous)) std::push_heap(heap.begin(), heap.end(), later);
    }
    for (const auto& symbol : symbols)
      if (symbol.token >= 0) out.push_back(symbol.token);
  }

 private:
  struct slot {
    std::uint64_t key = unused;
    merge value;
  };
  static constexpr std::uint64_t unused = std::numeric_limits<std::uint64_t>::max();  // tokens are not negative: no pair has this key

  static std::uint64_t key(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
  }
  // Open addressing, half empty at least; the multiplier spreads the pair over the upper bits (Knuth 6.4).
  std::size_t place(std::uint64_t wanted) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = static_cast<std::size_t>(wanted * 0x9E3779B97F4A7C15u >> 32) & mask;
    while (slots_[at].key != wanted && slots_[at].key != unused) at = (at + 1) & mask;
    return at;
  }

  std::vector<slot> slots_;
};

}  // namespace tenon
