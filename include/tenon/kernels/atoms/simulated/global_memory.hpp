#pragma once
// The global memory of a simulated machine: host memory that a launch has registered. An access elsewhere is out of bounds;
// reads need bytes that were written; what a thread wrote another may touch after a barrier between them, and another block of the same
// launch never.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <tenon/kernels/atoms/simulated/site.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

enum class access : std::uint8_t { read_only, writable };
enum class content : std::uint8_t { initialised, uninitialised };

/// Who wrote a byte last: the block, counted from 1 through all launches, the thread, and when.
struct global_write {
  std::uint32_t block = 0, time = 0;
  std::uint16_t thread = 0;
  site_id at = 0;
};

/// One registered array.
struct region {
  std::string name;
  std::uintptr_t first, last;  // [first, last)
  bool writable;
  std::vector<std::uint8_t> written;  // per byte; empty: all of it
  std::vector<global_write> writes;   // per byte of a writable region
};

class global_memory {
 public:
  /// Registers [data, data + bytes), which must stay valid until `forget`; again with the same address: replaces it.
  void add(const void* data, std::size_t bytes, const char* called, access how, content what) {
    forget(data);
    region r{called, reinterpret_cast<std::uintptr_t>(data), reinterpret_cast<std::uintptr_t>(data) + bytes, how == access::writable, {},
             {}};
    if (what == content::uninitialised) r.written.assign(bytes, 0);
    if (r.writable) r.writes.assign(bytes, {});
    regions_.push_back(static_cast<region&&>(r));
    last_ = regions_.size() - 1;
  }
  void forget(const void* data) {
    for (std::size_t i = 0; i < regions_.size(); ++i)
      if (regions_[i].first == reinterpret_cast<std::uintptr_t>(data)) regions_.erase(regions_.begin() + static_cast<std::ptrdiff_t>(i--));
    last_ = 0;
  }
  void clear() { regions_.clear(), last_ = 0; }
  /// The launch that begins has so many blocks. What earlier ones wrote is there for all of them.
  void begin_launch(std::int64_t blocks) {
    first_block_ = after_;
    if (blocks > std::numeric_limits<std::uint32_t>::max() - std::int64_t{first_block_}) {
      for (region& r : regions_) r.writes.assign(r.writes.size(), {});
      first_block_ = 0;
    }
    after_ = first_block_ + static_cast<std::uint32_t>(blocks);
  }
  /// Blocks of earlier launches; those of this one are first_block() + 1, ...
  std::uint32_t first_block() const { return first_block_; }
  /// The host has written here.
  void written(const void* data, std::size_t bytes) {
    const auto at = reinterpret_cast<std::uintptr_t>(data);
    if (region* r = find(at, bytes); r != nullptr && !r->written.empty()) std::memset(r->written.data() + (at - r->first), 1, bytes);
  }
  /// The host has copied here: what was not written there is not written here.
  void copied(const void* to, const void* from, std::size_t bytes) {
    written(to, bytes);
    const auto at = reinterpret_cast<std::uintptr_t>(to), of = reinterpret_cast<std::uintptr_t>(from);
    const region* const source = find(of, bytes);
    if (source == nullptr || source->written.empty()) return;
    const std::uint8_t* const known = source->written.data() + (of - source->first);
    if (region* r = find(at, bytes); r != nullptr && !r->written.empty()) std::memcpy(r->written.data() + (at - r->first), known, bytes);
  }

  /// The region that holds all of [at, at + bytes), or null.
  region* find(std::uintptr_t at, std::size_t bytes) {
    if (last_ < regions_.size() && inside(regions_[last_], at, bytes)) return &regions_[last_];
    for (std::size_t i = 0; i < regions_.size(); ++i)
      if (inside(regions_[i], at, bytes)) return last_ = i, &regions_[i];
    return nullptr;
  }
  /// Where an address lies, in words.
  std::string describe(std::uintptr_t at) const {
    const region* best = nullptr;
    std::uintptr_t nearest = ~std::uintptr_t{0};
    for (const region& r : regions_) {
      const std::uintptr_t away = at < r.first ? r.first - at : at >= r.last ? at - r.last : 0;
      if (away < nearest) nearest = away, best = &r;
    }
    if (best == nullptr) return "an address of no registered memory";
    if (at < best->first) return std::to_string(best->first - at) + " bytes before '" + best->name + "'";
    if (at >= best->last) return std::to_string(at - best->last) + " bytes beyond the end of '" + best->name + "'";
    return "byte " + std::to_string(at - best->first) + " of '" + best->name + "', of " + std::to_string(best->last - best->first);
  }

 private:
  static bool inside(const region& r, std::uintptr_t at, std::size_t bytes) { return at >= r.first && at < r.last && bytes <= r.last - at; }
  std::vector<region> regions_;
  std::size_t last_ = 0;
  std::uint32_t first_block_ = 0, after_ = 0;
};

}  // namespace simulation
TENON_KERNELS_END
