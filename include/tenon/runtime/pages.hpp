#pragma once
// Who owns which page of keys and values: a pool of pages, and sequences that hold some of them. A fork shares what was read so
// far and copies a page only when one of the two writes to it.

#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <tenon/kernels/launch/cache.hpp>
#include <tenon/kernels/launch/machine_types.hpp>

namespace tenon {
namespace detail {

// Found by the machine that they are given: a GPU has its own.
template <class Number, class Machine>
std::size_t bytes_of_page(const Machine& machine, const heads& shape, index_t page_keys) {
  check_pool<Number>(machine, shape, page_keys);
  return page_bytes<Number>(machine, shape, page_keys);
}

// The pages of a sequence where kernels look them up: a processor's in the host's own list.
template <class Machine>
class page_list {
 public:
  page_list(const Machine&, index_t) {}
  void keep(std::size_t) noexcept {}
  void show(const Machine&, const std::vector<std::int32_t>&) {}
  const std::int32_t* of(const std::vector<std::int32_t>& pages) const { return pages.data(); }
};
// A GPU's in memory of the machine, with room for a whole pool, so that recorded launches find them.
template <class Machine>
  requires(!host_machine<Machine>)
class page_list<Machine> {
 public:
  page_list(const Machine& machine, index_t most) : memory_(allocate(machine, static_cast<std::size_t>(most) * sizeof(std::int32_t), "the list of a sequence's pages")) {}
  // Of what is there the first `count` are still so.
  void keep(std::size_t count) noexcept { shown_ = count < shown_ ? count : shown_; }
  void show(const Machine& machine, const std::vector<std::int32_t>& pages) {
    if (shown_ >= pages.size()) return;
    await(machine);
    std::int32_t* const to = reinterpret_cast<std::int32_t*>(memory_.data()) + shown_;
    const std::size_t bytes = (pages.size() - shown_) * sizeof(std::int32_t);
    std::memcpy(to, pages.data() + shown_, bytes);
    wrote(machine, to, bytes);
    shown_ = pages.size();
  }
  const std::int32_t* of(const std::vector<std::int32_t>&) const { return reinterpret_cast<const std::int32_t*>(memory_.data()); }

 private:
  typename memory_on<Machine>::type memory_;
  std::size_t shown_ = 0;
};

}  // namespace detail

/// How many caches hold keys together, and how many tokens a key of theirs stands for; 0: for one, where not every token has a key.
struct shelf_kind {
  index_t caches, tokens_per_key = 1;
  friend constexpr bool operator==(const shelf_kind&, const shelf_kind&) = default;
};

/// `pages` pages, each the keys and values of `page_keys` tokens in all `layers`, all of the same heads. All memory is taken here.
/// A pool outlives its sequences. Each sequence belongs to one thread at a time; those of one pool may be in different threads.
/// What layers keep of other tokens than each lies in pools beside it, as many pages of as many tokens or, where a machine's pages are larger, of more.
template <cache_number Number, class Machine>
class page_pool {
 public:
  /// page_keys: any; a multiple of 128 makes reading as fast as a contiguous cache, one of 16 nearly so; on a GPU a multiple of 128. Throws
  /// tenon::error for sizes that are not positive and when memory is short.
  page_pool(const Machine& machine, heads shape, index_t page_keys, index_t pages, index_t layers = 1, const std::vector<shelf_kind>& beside = {})
      : machine_(machine), shape_(shape), page_keys_(page_keys), layers_(layers), kinds_(beside) {
    if (page_keys <= 0 || pages <= 0 || layers < 0 || (layers == 0 && beside.empty()) || pages > std::int32_t{0x7fffffff})
      throw error("[page_pool] was asked for ", pages, " pages of ", page_keys, " tokens in ", layers, " layers: each is at least 1. Fix: set all three.");
    if (page_keys > 0x7fffffff / pages)
      throw error("[page_pool] was asked for ", pages, " pages of ", page_keys, " tokens: positions count to 2147483647. Fix: fewer or smaller pages.");
    bytes_ = detail::bytes_of_page<Number>(machine, shape, page_keys);
    memory_ = allocate(machine, bytes_ * static_cast<std::size_t>(pages) * static_cast<std::size_t>(layers), "the pages of keys and values");
    uses_.resize(static_cast<std::size_t>(pages));
    for (index_t page = pages; page-- > 0;) free_.push_back(static_cast<std::int32_t>(page));
    for (const shelf_kind& kind : kinds_) {
      const index_t tokens = kind.tokens_per_key == 0 ? 1 : kind.tokens_per_key;
      beside_.push_back(std::make_unique<page_pool>(machine, shape, page_keys_for(machine, page_keys / tokens + (page_keys % tokens > 0)), pages, kind.caches));
    }
  }
  page_pool(const page_pool&) = delete;
  page_pool& operator=(const page_pool&) = delete;

  const heads& shape() const { return shape_; }
  index_t page_keys() const { return page_keys_; }
  index_t layers() const { return layers_; }
  index_t pages() const { return static_cast<index_t>(uses_.size()); }
  index_t free_pages() const {
    const std::lock_guard held(lock_);
    return free();
  }
  /// Bytes of a page in all layers.
  std::size_t page_bytes() const { return bytes_ * static_cast<std::size_t>(layers_); }
  /// The pools beside this one, and what each holds.
  page_pool& beside(std::size_t number) { return *beside_[number]; }
  const std::vector<shelf_kind>& kinds() const { return kinds_; }
  /// Bytes of the pages that sequences hold, shared ones once, pools beside included.
  std::size_t bytes_held() const {
    std::size_t bytes = static_cast<std::size_t>(pages() - free_pages()) * page_bytes();
    for (const auto& each : beside_) bytes += each->bytes_held();
    return bytes;
  }
  /// How many sequences hold a page.
  int uses(std::int32_t page) const {
    const std::lock_guard held(lock_);
    return uses_[static_cast<std::size_t>(page)];
  }

 private:
  template <cache_number, class>
  friend class paged_sequence;

  // What follows wants the lock to be held.
  index_t free() const { return static_cast<index_t>(free_.size()); }
  bool shared(std::int32_t page) const { return uses_[static_cast<std::size_t>(page)] > 1; }
  std::int32_t take() {
    const std::int32_t page = free_.back();
    free_.pop_back();
    uses_[static_cast<std::size_t>(page)] = 1;
    return page;
  }
  void share(std::int32_t page) { ++uses_[static_cast<std::size_t>(page)]; }
  void release(std::int32_t page) noexcept {
    if (--uses_[static_cast<std::size_t>(page)] == 0) free_.push_back(page);  // there is room: it held all pages once
  }
  std::byte* layer(index_t number) const { return memory_.data() + static_cast<std::size_t>(number) * bytes_ * uses_.size(); }
  // Where it lies, and before anyone can write to either.
  void copy(std::int32_t from, std::int32_t to) {
    for (index_t l = 0; l < layers_; ++l) copy_within(machine_, layer(l) + static_cast<std::size_t>(to) * bytes_, layer(l) + static_cast<std::size_t>(from) * bytes_, bytes_);
    await(machine_);
  }

  mutable std::mutex lock_;  // of who holds what
  Machine machine_;
  heads shape_;
  index_t page_keys_, layers_;
  std::size_t bytes_ = 0;
  typename memory_on<Machine>::type memory_;
  std::vector<int> uses_;
  std::vector<std::int32_t> free_;
  std::vector<shelf_kind> kinds_;
  std::vector<std::unique_ptr<page_pool>> beside_;
};

/// The keys and values of one sequence in pages of a pool. To read tokens: extend(count), then, for each layer, append to
/// view(layer) at the position that extend returned, and attend.
template <cache_number Number, class Machine>
class paged_sequence {
 public:
  /// Throws tenon::error where a GPU has no room for a list of pages.
  explicit paged_sequence(page_pool<Number, Machine>& pool) : pool_(&pool), list_(pool.machine_, pool.pages()) {}
  paged_sequence(paged_sequence&& other) noexcept
      : pool_(other.pool_), pages_(std::exchange(other.pages_, {})), list_(std::move(other.list_)), length_(std::exchange(other.length_, 0)) {}
  paged_sequence& operator=(paged_sequence&& other) noexcept {
    std::swap(pool_, other.pool_), std::swap(pages_, other.pages_), std::swap(list_, other.list_), std::swap(length_, other.length_);
    return *this;
  }
  ~paged_sequence() { truncate(0); }

  index_t length() const { return length_; }
  /// The pages held, in the order of the tokens.
  const std::vector<std::int32_t>& pages() const { return pages_; }

  /// How many keys the pool has pages for, as things stand, behind those that are there but for the last `again`, 0 or 1.
  index_t room(index_t again = 0) const {
    const std::lock_guard held(pool_->lock_);
    const index_t keys = pool_->page_keys(), rest = std::ssize(pages_) * keys - length_ + again, free = pool_->free();
    if (rest == 0 || !shares_last()) return rest + free * keys;
    return free == 0 ? 0 : rest + (free - 1) * keys;
  }
  /// Room for `tokens` more, none of it shared with another sequence, as the last `again`, 0 or 1, before them are not; returns the
  /// position of the first. Throws tenon::error when the pool has too few pages left, and then changes nothing.
  index_t extend(index_t tokens, index_t again = 0) {
    if (tokens < 0) throw error("[tokens] of extend is ", tokens, ": use truncate to forget. Fix: at least 0.");
    const std::lock_guard held(pool_->lock_);
    // Whether what is written next goes in a page that another sequence reads.
    const bool copies = (again > 0 || (tokens > 0 && length_ % pool_->page_keys() != 0)) && shares_last();
    const index_t wanted = (length_ + tokens + pool_->page_keys() - 1) / pool_->page_keys(), needed = wanted - std::ssize(pages_) + (copies ? 1 : 0);
    if (needed > pool_->free())
      throw error("[pages] of the pool are spent: ", needed, " more of ", pool_->page_keys(), " keys are needed and ", pool_->free(), " of ", pool_->pages(),
                  " are free. Fix: a pool of more pages, or let go of a sequence.");
    pages_.reserve(static_cast<std::size_t>(wanted));
    if (copies) {
      list_.keep(pages_.size() - 1);
      const std::int32_t own = pool_->take();
      try {
        pool_->copy(pages_.back(), own);
      } catch (...) {  // what a device did before
        pool_->release(own);
        throw;
      }
      pool_->release(std::exchange(pages_.back(), own));
    }
    while (std::ssize(pages_) < wanted) pages_.push_back(pool_->take());
    list_.show(pool_->machine_, pages_);
    length_ += tokens;
    return length_ - tokens;
  }

  /// Forgets all tokens from position `length` on, and gives back the pages that held nothing else.
  void truncate(index_t length) noexcept {
    length_ = length < 0 ? 0 : length < length_ ? length : length_;
    const auto kept = static_cast<std::size_t>((length_ + pool_->page_keys() - 1) / pool_->page_keys());
    if (pages_.size() == kept) return;
    list_.keep(kept);
    const std::lock_guard held(pool_->lock_);
    for (; pages_.size() > kept; pages_.pop_back()) pool_->release(pages_.back());
  }

  /// Another sequence that begins with the first `length` tokens of this one. It shares their pages; nothing is copied until one
  /// of the two writes to the page in which they part.
  paged_sequence fork(index_t length) const {
    paged_sequence out(*pool_);
    out.length_ = length < 0 ? 0 : length < length_ ? length : length_;
    out.pages_.assign(pages_.begin(), pages_.begin() + (out.length_ + pool_->page_keys() - 1) / pool_->page_keys());
    const std::lock_guard held(pool_->lock_);
    for (const std::int32_t page : out.pages_) pool_->share(page);
    return out;
  }
  paged_sequence fork() const { return fork(length_); }

  /// What append and attend take, on a GPU a paged_device_cache of these heads. Valid until the next extend or truncate; on a GPU, whose launches may
  /// serve tokens to come, where its memory lies as long as the sequence.
  template <class Cache = cache_view<Number>>
  Cache view(index_t layer = 0) const {
    return {.data = pool_->layer(layer),
            .shape = pool_->shape(),
            .capacity = (host_machine<Machine> ? static_cast<index_t>(pages_.size()) : pool_->pages()) * pool_->page_keys(),
            .length = length_,
            .pages = list_.of(pages_),
            .page_keys = pool_->page_keys()};
  }

 private:
  bool shares_last() const { return !pages_.empty() && pool_->shared(pages_.back()); }

  page_pool<Number, Machine>* pool_;
  std::vector<std::int32_t> pages_;
  detail::page_list<Machine> list_;
  index_t length_ = 0;
};

}  // namespace tenon
