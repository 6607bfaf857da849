#pragma once
// Many sequences of one model over one pool of pages: what several have read in common, such as a prompt, is held once.
//   auto pool = tenon::pages_of(model, {.page_tokens = 128, .pages = 64});
//   tenon::sequence first(model, pool);
//   first.read(prompt);
//   tenon::sequence second = first.fork();  // shares the prompt's pages; each goes its own way from here
// The logits are those of a sequence with memory of its own, bit for bit, whatever the size of a page.

#include <concepts>
#include <tuple>
#include <type_traits>
#include <utility>

#include <tenon/model/load.hpp>
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
// The keys and values in a layer's state, or nothing.
template <class Number, cache_in_pages<Number> Cache>
Cache& cache_in(Cache& state) {
  return state;
}
template <class Number, class State>
  requires cache_in_pages<decltype(State::cache), Number>
auto& cache_in(State& state) {
  return state.cache;
}
// Calls f(cache) for the caches of a block's layers, in order.
template <class Number, class... States, class F>
void each_cache(std::tuple<States...>& states, const F& f) {
  const auto one = [&](auto& state) {
    if constexpr (requires { cache_in<Number>(state); }) f(cache_in<Number>(state));
  };
  std::apply([&](auto&... state) { (one(state), ...); }, states);
}
// Whether what a layer remembers are keys and values in `Number`, things of another size that can be carried over, or nothing.
template <class State, class Number, class Machine>
concept pageable = std::is_empty_v<State> || cache_in_pages<State, Number> || requires(State& s, const State& from, const Machine& machine) { s.carry(machine, from); };
template <class Number, class Machine, class... States>
constexpr bool all_pageable(std::type_identity<std::tuple<States...>>) {
  return (pageable<States, Number, Machine> && ...);
}
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
  paged_memory(const Machine& machine, pool& from) : paged_memory(machine, from, paged_sequence<Number, Machine>(from)) {
    index_t layers = 0;
    const heads& held = from.shape();
    each_cache([&](const auto& cache) {
      const heads& asked = cache.shape;
      ++layers;
      if (asked != held)
        throw error("[pool] holds ", held.kv, " kv heads of ", held.dim, " and ", held.dim_v, ", layer ", layers - 1, " of the model has ", asked.kv, " of ", asked.dim, " and ", asked.dim_v,
                    ". Fix: pages_of(model, ...), for a model whose layers have equal heads.");
    });
    if (layers != from.layers()) throw error("[pool] holds ", from.layers(), " layers, the model ", layers, ". Fix: pages_of(model, ...).");
  }

  index_t capacity(index_t length) const { return length + pages_.room(); }
  index_t most() const { return pool_->pages() * pool_->page_keys(); }
  /// Of the pages that it holds, shared ones among them, and of what is not in pages.
  std::size_t bytes() const { return pages_.pages().size() * pool_->page_bytes() + rest_.size(); }
  const paged_sequence<Number, Machine>& pages() const { return pages_; }

  void extend(index_t length, index_t tokens) {
    pages_.truncate(length);  // an earlier walk may have failed after this
    pages_.extend(tokens);
    index_t layer = 0;
    each_cache([&]<class Cache>(Cache& cache) { cache = pages_.template view<Cache>(layer++); });
  }
  states& held() { return states_; }
  const states& held() const { return states_; }
  void truncate(index_t length) { pages_.truncate(length); }
  /// What layers sum up over tokens is carried over as it is: they go on from `length` where that is all.
  paged_memory fork(index_t length) const {
    paged_memory out(*machine_, *pool_, pages_.fork(length));
    const layers_on on(*machine_);
    facts::each_block([&]<class, std::size_t Run>(index_t i, index_t) {
      const auto at = static_cast<std::size_t>(i);
      detail::carry_over(on, std::get<Run>(out.states_)[at], std::get<Run>(states_)[at]);
    });
    await(*machine_);
    return out;
  }

 private:
  using facts = typename Decoder::facts;

  paged_memory(const Machine& owner, pool& from, paged_sequence<Number, Machine> pages) : machine_(&owner), pool_(&from), pages_(std::move(pages)) {
    const layers_on on(owner);
    std::size_t bytes = 0;
    facts::each_block([&]<class Block, std::size_t>(index_t, index_t) { bytes += Block::state_bytes(on, 0); });
    rest_ = allocate(owner, bytes, "what layers remember beside keys");
    std::byte* at = rest_.data();
    facts::each_block([&]<class Block, std::size_t Run>(index_t, index_t) {
      std::get<Run>(states_).push_back(Block::open_state(on, at, 0));
      at += Block::state_bytes(on, 0);
    });
  }
  template <class F>
  void each_cache(const F& f) {
    facts::each_block([&]<class, std::size_t Run>(index_t i, index_t) { detail::each_cache<Number>(std::get<Run>(states_)[static_cast<std::size_t>(i)], f); });
  }

  const Machine* machine_;  ///< the model's
  pool* pool_;
  paged_sequence<Number, Machine> pages_;
  typename memory_on<Machine>::type rest_;  ///< what layers remember that is not in pages
  states states_;
};

/// A pool for the sequences of a model: keys and values of pages times page_tokens tokens in all of its layers. All memory is taken
/// here. Throws tenon::error for sizes that are not positive, and when memory is short.
template <class Decoder, class Machine, cache_number Number = typename decltype(Decoder::spec::precision)::cache>
page_pool<Number, Machine> pages_of(const model<Decoder, Machine>& owner, const pages_spec& how) {
  const Machine& machine = owner.machine();
  const typename paging_on<Machine>::type on(machine);
  heads shape{};
  index_t layers = 0;
  Decoder::facts::each_block([&]<class Block, std::size_t>(index_t, index_t) {
    const auto rest = allocate(machine, Block::state_bytes(on, 0), "what layers remember beside keys");
    auto state = Block::open_state(on, rest.data(), 0);
    detail::each_cache<Number>(state, [&](const auto& cache) { shape = cache.shape, ++layers; });
  });
  return page_pool<Number, Machine>(machine, shape, how.page_tokens, how.pages, layers);
}

template <class Decoder, class Machine, class Number>
sequence(const model<Decoder, Machine>&, page_pool<Number, Machine>&) -> sequence<Decoder, Machine, paged_memory<Decoder, Number, Machine>>;

}  // namespace tenon
