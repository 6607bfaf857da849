// Bytes as a script over one pool of pages and caches of every kind: append, cut back, fork, let go, attend. What each sequence holds stands beside it
// in a plain vector; a cache made anew of that, contiguous, must give the same bits, and no page may be lost. The first bytes choose numbers, heads,
// the size of a page and the pool.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include <tenon/kernels/launch/attention.hpp>
#include <tenon/runtime/pages.hpp>

namespace {

using tenon::index_t, tenon::view;

void require(bool holds) {
  if (!holds) std::abort();
}

struct script {
  const std::uint8_t* at;
  const std::uint8_t* end;
  bool done() const { return at == end; }
  /// 0 to most - 1; 0 once the script is over.
  int below(std::size_t most) { return done() ? 0 : static_cast<int>(*at++ % most); }
};

// Rows of keys or values, [kv_head][dim] of each token, from their numbers alone: some great, some 0.
std::vector<float> rows_of(const std::vector<int>& tokens, unsigned what, index_t width) {
  std::vector<float> out;
  for (const int token : tokens) {
    std::minstd_rand random(static_cast<unsigned>(token) * 4 + what + 1);
    const float size = token % 17 == 0 ? 100.0f : token % 13 == 0 ? 0.0f : 1.0f;
    for (index_t i = 0; i < width; ++i) out.push_back(size * (static_cast<float>(random() % 2001) * 1e-3f - 1));
  }
  return out;
}

template <class Number>
struct sequences_of {
  static constexpr int most = 6, longest = 150;
  using cache = tenon::cache_view<Number>;
  // A sequence in pages, the same in one piece, and what both should hold.
  struct sequence {
    tenon::paged_sequence<Number, tenon::cpu> pages;
    tenon::buffer memory;
    cache whole;
    std::vector<int> tokens;
  };

  const tenon::cpu machine{{.threads = 1}};
  tenon::heads shape;
  tenon::page_pool<Number, tenon::cpu> pool;
  std::vector<std::unique_ptr<sequence>> all{};
  int next_token = 0;

  void add(tenon::paged_sequence<Number, tenon::cpu> pages, std::vector<int> tokens) {
    tenon::buffer memory(tenon::cache_bytes<Number>(machine, shape, longest));
    std::memset(memory.data(), 0xff, memory.size());
    const cache whole{.data = memory.data(), .shape = shape, .capacity = longest};
    all.push_back(std::make_unique<sequence>(sequence{std::move(pages), std::move(memory), whole, std::move(tokens)}));
    write(all.back()->whole, all.back()->tokens, 0);
  }
  void write(cache& to, const std::vector<int>& tokens, index_t first) const {
    const bool own = shape.values == tenon::values_are::their_own;
    const auto count = static_cast<index_t>(tokens.size());
    const std::vector<float> k = rows_of(tokens, 0, index_t{shape.kv} * shape.dim), v = rows_of(tokens, 1, own ? index_t{shape.kv} * shape.dim_v : 0);
    append(machine, to, view<const float, 3>(k.data(), count, shape.kv, shape.dim), own ? tenon::readable<3>(view<const float, 3>(v.data(), count, shape.kv, shape.dim_v)) : tenon::readable<3>(), first);
  }
  void extend(sequence& one, int count) {
    count = std::min(count, longest - static_cast<int>(one.tokens.size()));
    const index_t room = one.pages.room(), free = pool.free_pages();
    std::vector<int> more(static_cast<std::size_t>(count));
    for (int& token : more) token = next_token++;
    try {
      const index_t first = one.pages.extend(count);
      require(count <= room && first == static_cast<index_t>(one.tokens.size()));
      cache paged = one.pages.view();
      write(paged, more, first), write(one.whole, more, first);
      one.tokens.insert(one.tokens.end(), more.begin(), more.end());
    } catch (const tenon::error&) {
      require(count > room && pool.free_pages() == free);
    }
  }
  void truncate(sequence& one, int length) {
    one.pages.truncate(length);
    one.tokens.resize(static_cast<std::size_t>(length));
    write(one.whole, {}, length);  // nothing, from there on
  }
  std::vector<float> attend(std::vector<cache> caches, int queries) const {
    std::vector<index_t> first{0};
    std::vector<int> numbers;
    for (const cache& each : caches) {
      first.push_back(first.back() + std::min<index_t>(queries, each.length));
      for (index_t i = first[first.size() - 2]; i < first.back(); ++i) numbers.push_back(static_cast<int>(each.length + i - first.back()));
    }
    const std::vector<float> q = rows_of(numbers, 2, index_t{shape.query} * shape.dim);
    std::vector<float> out(numbers.size() * static_cast<std::size_t>(shape.query * shape.dim_v));
    const tenon::buffer scratch(attention_scratch(machine, shape, queries, longest));
    tenon::attend<0, 0>(machine, view<const float, 3>(q.data(), first.back(), shape.query, shape.dim), tenon::ragged<Number>{caches.data(), first.data(), static_cast<int>(caches.size())},
                        view<float, 3>(out.data(), first.back(), shape.query, shape.dim_v), tenon::causal{}, tenon::scaled{}, scratch.data());
    return out;
  }
  // All at once, in pages and in one piece, against caches that hold nothing else.
  void check(int queries) const {
    std::vector<cache> paged, whole;
    std::vector<float> wanted;
    for (const auto& one : all) {
      require(one->pages.length() == static_cast<index_t>(one->tokens.size()) && one->whole.length == one->pages.length());
      paged.push_back(one->pages.view()), whole.push_back(one->whole);
      const tenon::buffer memory(tenon::cache_bytes<Number>(machine, shape, longest));
      cache fresh{.data = memory.data(), .shape = shape, .capacity = longest};
      write(fresh, one->tokens, 0);
      const std::vector<float> own = attend({fresh}, queries);
      wanted.insert(wanted.end(), own.begin(), own.end());
    }
    for (const auto& caches : {paged, whole}) {
      const std::vector<float> got = attend(caches, queries);
      require(got.size() == wanted.size() && (got.empty() || std::memcmp(got.data(), wanted.data(), got.size() * sizeof(float)) == 0));
    }
  }
  void count_pages() const {
    std::set<std::int32_t> held;
    for (const auto& one : all) held.insert(one->pages.pages().begin(), one->pages.pages().end());
    require(pool.free_pages() == pool.pages() - std::ssize(held));
    for (const std::int32_t page : held) {
      int holders = 0;
      for (const auto& one : all) holders += static_cast<int>(std::count(one->pages.pages().begin(), one->pages.pages().end(), page));
      require(pool.uses(page) == holders);
    }
  }

  void run(script& of) {
    while (!of.done()) {
      const int what = of.below(8);
      if (all.empty() || (what == 0 && all.size() < most)) {
        add(tenon::paged_sequence<Number, tenon::cpu>(pool), {});
        continue;
      }
      const auto which = static_cast<std::size_t>(of.below(all.size()));
      sequence& one = *all[which];
      const auto length_in = [&] { return of.below(one.tokens.size() + 1); };
      if (what <= 2) {
        extend(one, of.below(40));
      } else if (what == 3 && all.size() < most) {
        const int length = length_in();
        add(one.pages.fork(length), {one.tokens.begin(), one.tokens.begin() + length});
      } else if (what == 4) {
        truncate(one, length_in());
      } else if (what == 5) {
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(which));
      } else if (what == 6) {
        check(1 + of.below(3));
      } else {
        extend(one, 1);
      }
      count_pages();
    }
    check(2);
    all.clear();
    require(pool.free_pages() == pool.pages());
  }
};

template <class Number>
void run(script& of, tenon::heads shape) {
  const index_t sizes[] = {1, 5, 7, 16, 64, 128}, keys = sizes[of.below(6)];
  const index_t pages = 1 + (100 + index_t{20} * of.below(16)) / keys;
  sequences_of<Number>{.shape = shape, .pool{tenon::cpu({.threads = 1}), shape, keys, pages}}.run(of);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  script of{data, data + size};
  constexpr tenon::heads usual{4, 2, 16, 24}, latent{3, 1, 24, 16, tenon::values_are::first_dims_of_keys}, latent_of_8{2, 1, 136, 128, tenon::values_are::first_dims_of_keys};
  switch (of.below(8)) {
    case 0: run<float>(of, usual); break;
    case 1: run<tenon::bf16>(of, usual); break;
    case 2: run<tenon::f16>(of, latent); break;
    case 3: run<tenon::int8_per_128>(of, usual); break;
    case 4: run<tenon::e4m3_per_128>(of, {2, 1, 136, 144}); break;
    case 5: run<tenon::int8_per_32>(of, {3, 1, 72, 40, tenon::values_are::first_dims_of_keys}); break;
    case 6: run<tenon::latent_and_rotary<tenon::e4m3_per_128>>(of, latent_of_8); break;
    default: run<float>(of, latent); break;
  }
  return 0;
}
