#pragma once
// Many sequences of one model over one pool of pages: what several have read in common, such as a prompt, is held once.
//   auto pool = tenon::pages_of(model, {.page_tokens = 128, .pages = 64});
//   tenon::sequence first(model, pool);
//   first.read(prompt);
//   tenon::sequence second = first.fork();  // shares the prompt's pages; each goes its own way from here
// The logits are those of a sequence with memory of its own, bit for bit, whatever the size of a page.

#include <algorithm>
#include <concepts>
#include <iterator>
#include <tuple>
#include <type_traits>
#include <utility>

#include <tenon/model/load.hpp>
#include <tenon/model/shelf.hpp>
#include <tenon/runtime/pages.hpp>

namespace tenon {

/// The pool of pages of a model's sequences, which share them.
struct pages_spec {
  index_t page_tokens = 128;  ///< in a page: any; a multiple of 128 is read as fast as a contiguous cache
  index_t pages = 0;          ///< in the pool, at least 1
};

namespace detail {

template <class Cache, class Number>
concept cache_in_pages = may_lie_in_pages<Cache> && std::same_as<typename Cache::number, Number>;
// Calls f(shelf) for what a layer's state keeps in caches of `Number`.
template <class Number, class Machine, class State, class F>
void each_shelf(State& state, const F& f) {
  if constexpr (requires { typename State::shelf_type; })
    state.each_shelf(f);
  else if constexpr (cache_in_pages<State, Number>)
    f(shelf<State, Machine>{.caches = {&state, 1}});
  else if constexpr (requires { requires cache_in_pages<decltype(State::cache), Number>; })
    f(shelf<decltype(State::cache), Machine>{.caches = {&state.cache, 1}});
}
template <class Number, class Machine, class... States, class F>
void each_shelf(std::tuple<States...>& states, const F& f) {
  std::apply([&](auto&... state) { (each_shelf<Number, Machine>(state, f), ...); }, states);
}
// Whether what a layer remembers are keys and values in `Number`, things of another size that can be carried over, or nothing.
template <class State, class Number, class Machine>
concept pageable = std::is_empty_v<State> || cache_in_pages<State, Number> || cache_in_pages<typename State::shelf_type::cache, Number> ||
                   (!requires { typename State::shelf_type; } && requires(State& s, const State& from, const Machine& machine) { s.carry(machine, from); });
template <class Number, class Machine, class... States>
constexpr bool all_pageable(std::type_identity<std::tuple<States...>>) {
  return (pageable<States, Number, Machine> && ...);
}
// Which shelves lie where, in the order in which they are told: pool 0 has a layer for each cache with a key for each token; behind it are those beside.
struct shelf_places {
  struct place {
    std::size_t pool;
    index_t layer;
  };
  std::vector<place> of;
  std::vector<shelf_kind> kinds{{.caches = 0}};

  void add(const shelf_kind& shelf) {
    const auto at = shelf.tokens_per_key == 0 ? kinds.end() : std::ranges::find(kinds, shelf.tokens_per_key, &shelf_kind::tokens_per_key);
    of.push_back({static_cast<std::size_t>(at - kinds.begin()), at == kinds.end() ? 0 : at->caches});
    if (at == kinds.end())
      kinds.push_back(shelf);
    else
      at->caches += shelf.caches;
  }
};
// Into the states of a fork: what is not in pages.
template <class Machine, class... States>
void carry_over(const Machine& machine, std::tuple<States...>& to, const std::tuple<States...>& from) {
  const auto one = [&]<class State>(State& into, const State& own) {
    if constexpr (requires { into.carry(machine, own); }) into.carry(machine, own);
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) { (one(std::get<I>(to), std::get<I>(from)), ...); }(std::index_sequence_for<States...>{});
}

}  // namespace detail

/// The rule of sequences in pages.
template <class Decoder, class Number, class Machine>
struct paged_rules {
 private:
  using paging = typename paging_on<Machine>::type;
  template <class... Runs>
  static constexpr bool holds(std::type_identity<stack<Runs...>>) {
    return (detail::all_pageable<Number, paging>(std::type_identity<typename Runs::type::template state<paging>>{}) && ...);
  }

 public:
  static constexpr bool assembles = holds(std::type_identity<typename detail::blocks_of<typename Decoder::spec>::type>{});
  static_assert(assembles, "[pool] holds keys and values in the model's cache numbers; a layer here remembers other things. Fix: sequence(model, capacity).");
};

/// What the layers of one sequence remember, in pages of a pool, which outlives it.
template <class Decoder, class Number, class Machine>
class paged_memory : paged_rules<Decoder, Number, Machine> {
 public:
  using pool = page_pool<Number, Machine>;
  using source = pool&;
  /// What the layers run on.
  using layers_on = typename paging_on<Machine>::type;
  using states = typename Decoder::template state<layers_on>;

  /// Throws tenon::error for a pool that was made for other layers.
  paged_memory(const Machine& machine, pool& from) : paged_memory(machine, &from) {
    pages_.emplace_back(from);
    for (std::size_t i = 0; i < from.kinds().size(); ++i) pages_.emplace_back(from.beside(i));
    const heads& held = from.shape();
    index_t layers = 0;
    each_shelf([&](const auto& own, std::size_t) {
      const heads& asked = own.caches[0].shape;
      if (asked != held)
        throw error("[pool] holds ", held.kv, " kv heads of ", held.dim, " and ", held.dim_v, ", layer ", layers, " of the model has ", asked.kv, " of ", asked.dim, " and ", asked.dim_v,
                    ". Fix: pages_of(model, ...), for a model whose layers have equal heads.");
      layers += std::ssize(own.caches);
    });
    if (places_.kinds[0].caches != from.layers()) throw error("[pool] holds ", from.layers(), " layers, the model ", places_.kinds[0].caches, ". Fix: pages_of(model, ...).");
    if (!std::equal(places_.kinds.begin() + 1, places_.kinds.end(), from.kinds().begin(), from.kinds().end()))
      throw error("[pool] was made for a model whose layers keep keys of other tokens. Fix: pages_of(model, ...).");
  }

  /// The most tokens that a sequence of `length` can come to hold as things stand, whatever its layers keep of them.
  index_t capacity(index_t length) const {
    index_t least = length + pages_[0].room();
    for (std::size_t i = 1; i < pages_.size(); ++i) {
      const index_t per_key = places_.kinds[i].tokens_per_key, again = begun(i, length), room = pages_[i].room(again);
      least = std::min(least, per_key == 0 ? length + room : std::max(length, (pages_[i].length() - again + room) * per_key));
    }
    return least;
  }
  index_t most() const { return pool_->pages() * pool_->page_keys(); }
  /// Of the pages that it holds, shared ones among them, and of what is not in pages.
  std::size_t bytes() const {
    std::size_t all = rest_.size() + lists_.size();
    for (std::size_t i = 0; i < pages_.size(); ++i) all += pages_[i].pages().size() * pool_of(i).page_bytes();
    return all;
  }

  /// Room for all that layers may keep of `tokens` more; `truncate` gives back what they did not.
  void extend(index_t length, index_t tokens) {
    truncate(length);  // an earlier walk may have failed after this
    try {
      for (std::size_t i = 0; i < pages_.size(); ++i) {
        const index_t per_key = places_.kinds[i].tokens_per_key;
        pages_[i].extend(per_key == 0 ? tokens : (length + tokens + per_key - 1) / per_key - pages_[i].length(), begun(i, length));
      }
    } catch (...) {
      truncate(length);
      throw;
    }
    each_shelf([&](auto& own, std::size_t number) {
      const auto place = places_.of[number];
      for (index_t layer = place.layer; auto& cache : own.caches) {
        const index_t keys = cache.length;
        cache = pages_[place.pool].template view<std::remove_reference_t<decltype(cache)>>(layer++);
        if (own.kept != nullptr) cache.length = keys;  // the rest of the room is for what may come
      }
    });
  }
  states& held() { return states_; }
  const states& held() const { return states_; }
  void truncate(index_t length) {
    pages_[0].truncate(length);
    if (pages_.size() == 1) return;
    await(*machine_);  // a GPU counts what is kept
    each_shelf([&](auto& own, std::size_t number) {
      const index_t keys = own.keys(length);
      if (own.kept != nullptr) own.caches[0].length = keys;
      pages_[places_.of[number].pool].truncate(keys);
    });
  }
  /// What layers sum up over tokens is carried over as it is: they go on from `length` where that is all.
  paged_memory fork(index_t length) const {
    paged_memory out(*machine_, pool_);
    for (const auto& own : pages_) out.pages_.push_back(own.fork());
    const layers_on on(*machine_);
    await(*machine_);  // the host reads what a GPU counted
    facts::each_block([&]<class, std::size_t Run>(index_t i, index_t) {
      const auto at = static_cast<std::size_t>(i);
      detail::carry_over(on, std::get<Run>(out.states_)[at], std::get<Run>(states_)[at]);
    });
    out.truncate(length);
    return out;
  }

 private:
  using facts = typename Decoder::facts;

  // The states, without pages.
  paged_memory(const Machine& owner, pool* from) : machine_(&owner), pool_(from) {
    const layers_on on(owner);
    std::size_t bytes = 0;
    facts::each_block([&]<class Block, std::size_t>(index_t, index_t) { bytes += Block::state_bytes(on, 0); });
    rest_ = allocate(owner, bytes, "what layers remember beside keys");
    std::byte* at = rest_.data();
    facts::each_block([&]<class Block, std::size_t Run>(index_t, index_t) {
      std::get<Run>(states_).push_back(Block::open_state(on, at, 0));
      at += Block::state_bytes(on, 0);
    });
    each_shelf([&](const auto& own, std::size_t) { places_.add({.caches = std::ssize(own.caches), .tokens_per_key = own.tokens_per_key}); });
    const std::size_t list = kept_keys_bytes(on, most()), lists = static_cast<std::size_t>(std::ranges::count(places_.kinds, 0, &shelf_kind::tokens_per_key));
    lists_ = allocate(owner, lists * list, "what stands beside keys that layers keep");
    at = lists_.data();
    each_shelf([&](auto& own, std::size_t) {
      if (own.kept != nullptr) *own.kept = {on, std::exchange(at, at + list), most()};
    });
  }
  pool& pool_of(std::size_t number) const { return number == 0 ? *pool_ : pool_->beside(number - 1); }
  // 1 where the last key of `length` tokens stands for more, which are still to come: a segment that is not whole.
  index_t begun(std::size_t kind, index_t length) const {
    const index_t per_key = places_.kinds[kind].tokens_per_key;
    return per_key > 1 && length % per_key != 0 ? 1 : 0;
  }
  // Calls f(shelf, its number).
  template <class F>
  void each_shelf(const F& f) {
    std::size_t number = 0;
    facts::each_block([&]<class, std::size_t Run>(index_t i, index_t) {
      detail::each_shelf<Number, layers_on>(std::get<Run>(states_)[static_cast<std::size_t>(i)], [&](auto&& own) { f(own, number++); });
    });
  }

  const Machine* machine_;  ///< the model's
  pool* pool_;
  std::vector<paged_sequence<Number, Machine>> pages_;  ///< of the pool, and of those beside it
  typename memory_on<Machine>::type rest_;              ///< what layers remember that is not in pages: of a size of its own,
  typename memory_on<Machine>::type lists_;             ///< and of each key that is kept
  states states_;
  detail::shelf_places places_;
};

/// A pool for the sequences of a model: what its layers keep of pages times page_tokens tokens. All memory is taken
/// here. Throws tenon::error for sizes that are not positive, and when memory is short.
template <class Decoder, class Machine, cache_number Number = typename decltype(Decoder::spec::precision)::cache>
page_pool<Number, Machine> pages_of(const model<Decoder, Machine>& owner, const pages_spec& how) {
  const Machine& machine = owner.machine();
  using layers_on = typename paging_on<Machine>::type;
  const layers_on on(machine);
  heads shape{};
  detail::shelf_places places;
  Decoder::facts::each_block([&]<class Block, std::size_t>(index_t, index_t) {
    const auto rest = allocate(machine, Block::state_bytes(on, 0), "what layers remember beside keys");
    auto state = Block::open_state(on, rest.data(), 0);
    detail::each_shelf<Number, layers_on>(state, [&](const auto& own) {
      shape = own.caches[0].shape;
      places.add({.caches = std::ssize(own.caches), .tokens_per_key = own.tokens_per_key});
    });
  });
  return page_pool<Number, Machine>(machine, shape, how.page_tokens, how.pages, places.kinds[0].caches, {places.kinds.begin() + 1, places.kinds.end()});
}

template <class Decoder, class Machine, class Number>
sequence(const model<Decoder, Machine>&, page_pool<Number, Machine>&) -> sequence<Decoder, Machine, paged_memory<Decoder, Number, Machine>>;

}  // namespace tenon
