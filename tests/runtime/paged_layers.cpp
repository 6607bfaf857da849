// Layers that keep other keys than one of each token, in pages: gated sparse attention drops some, tri-attention has one of every
// segment at each place. A sequence in pages, forked or cut back, is the contiguous one bit for bit, and what is dropped takes no page.
#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <random>
#include <utility>

#include <tenon/model/grouped_attention.hpp>
#include <tenon/runtime/paged_memory.hpp>

#include "../support/reading.hpp"
#include "../support/skipping_model.hpp"
#include "../support/temporary_folder.hpp"
#include "../support/tiny_checks.hpp"

using namespace tenon_test;
using tenon::index_t;

namespace {

// Block 0 keeps a key of each token, block 1 of some, block 2 of each and, at four places, of every fourth.
struct keeping_spec : skipping<std::remove_const_t<decltype(tenon::full_precision)>> {
  [[maybe_unused]] static constexpr const char* name = "a model that keeps other keys";
  using blocks = tenon::stack<one<tenon::grouped_attention<layer>>, one<tenon::gated_sparse_attention<layer>>, one<tenon::tri_attention<layer>>>;
};
using keeping = tenon::decoder<keeping_spec>;
constexpr std::size_t key_bytes = 2 * 64 * sizeof(float);

struct loaded {
  temporary_folder folder;
  std::optional<tenon::model<keeping, tenon::cpu>> model;
  loaded() {
    write_skipping(folder / "keeping.gguf", block_0::is_plain);
    model.emplace(tenon::load<keeping>(folder / "keeping.gguf", tenon::cpu({.threads = 1})));
  }
};
bool same(const tenon::skipped_work& a, const tenon::skipped_work& b) { return a.keys == b.keys && a.keys_skipped == b.keys_skipped && a.cache_bytes_saved == b.cache_bytes_saved; }

}  // namespace

TEST_CASE("pages of any size, at once, in parts and token by token: the logits of a contiguous cache, the same keys dropped") {
  const loaded with;
  const token_list all = random_tokens(150);
  for (const std::size_t chunk : {std::size_t{150}, std::size_t{11}, std::size_t{1}}) {
    const token_list text = part_of(all, 0, chunk == 1 ? 40 : 150);
    tenon::sequence own(*with.model, 150);
    const auto want = read(own, text, chunk);
    CHECK((own.skipped().keys == std::ssize(text) && own.skipped().keys_skipped > 5 && own.skipped().keys_skipped < own.skipped().keys - 5));
    for (const index_t page : {1, 7, 16, 256}) {
      CAPTURE(page);
      CAPTURE(chunk);
      auto pool = tenon::pages_of(*with.model, {.page_tokens = page, .pages = (std::ssize(text) + page - 1) / page});
      CHECK((pool.layers() == 2 && pool.kinds().size() == 2));
      tenon::sequence paged(*with.model, pool);
      CHECK(paged.capacity() == pool.pages() * page);
      CHECK(read(paged, text, chunk) == want);
      CHECK(same(paged.skipped(), own.skipped()));
      CHECK(pool.free_pages() == 0);
    }
  }
}

TEST_CASE("forks go their own ways from within a segment, and take along what was kept and counted") {
  const loaded with;
  const token_list text = random_tokens(140), prompt = part_of(text, 0, 42);
  for (const index_t page : {1, 7, 16, 256}) {
    CAPTURE(page);
    auto pool = tenon::pages_of(*with.model, {.page_tokens = page, .pages = 3 * (100 / page + 1)});
    tenon::sequence first(*with.model, pool);
    tenon::sequence own(*with.model, 140), other(*with.model, 140);
    read(first, prompt), read(own, prompt), read(other, prompt);
    const std::size_t once = pool.bytes_held();
    auto second = first.fork();
    CHECK(pool.bytes_held() == once);  // nothing was copied
    for (int turn = 0; turn < 2; ++turn) {  // alternately: each writes behind the other's back
      const auto at = static_cast<std::size_t>(42 + 25 * turn);
      CHECK(read(first, part_of(text, at, 25), 4) == read(own, part_of(text, at, 25), 4));
      CHECK(read(second, part_of(text, at + 48, 25), 9) == read(other, part_of(text, at + 48, 25), 9));
    }
    CHECK((same(first.skipped(), own.skipped()) && same(second.skipped(), other.skipped())));
    CHECK(!same(first.skipped(), second.skipped()));
    const std::size_t two = pool.bytes_held();
    {
      const auto gone = std::move(second);
    }
    CHECK(pool.bytes_held() < two);
    first.truncate(0);
    CHECK(pool.bytes_held() == 0);
  }
}

TEST_CASE("cut back, forked from the middle: read on as if what is gone had never been") {
  const loaded with;
  const token_list text = random_tokens(120), more = part_of(text, 90, 30);
  for (const index_t page : {1, 7, 16, 256}) {
    CAPTURE(page);
    auto pool = tenon::pages_of(*with.model, {.page_tokens = page, .pages = 3 * (90 / page + 1)});
    tenon::sequence whole(*with.model, pool), cut(*with.model, pool);
    tenon::sequence own(*with.model, 120);
    read(whole, part_of(text, 0, 60)), read(cut, part_of(text, 0, 60));
    read(own, part_of(text, 0, 36));
    const auto want = read(own, more, 7);
    cut.truncate(36);
    CHECK(read(cut, more, 7) == want);
    auto early = whole.fork(36);
    CHECK(read(early, more, 7) == want);
    tenon::sequence longer(*with.model, 120);
    read(longer, part_of(text, 0, 60));
    CHECK(read(whole, more, 7) == read(longer, more, 7));
    // A mean cannot go back into a segment: so it is with a contiguous cache.
    longer.truncate(38), whole.truncate(38);
    const std::string refused = fault([&] { read(longer, more); });
    CHECK(refused.find("[first] is 38") == 0);
    CHECK(fault([&] { read(whole, more); }) == refused);
    whole.truncate(32), longer.truncate(32);
    CHECK(read(whole, more, 7) == read(longer, more, 7));
  }
}

TEST_CASE("random reads, forks and cuts: each says what a sequence of its own says that reads the same at once") {
  const loaded with;
  for (const index_t page : {1, 7, 16}) {
    CAPTURE(page);
    std::mt19937 random(static_cast<unsigned>(page));
    const auto below = [&](std::size_t most) { return static_cast<std::size_t>(random() % most); };
    auto pool = tenon::pages_of(*with.model, {.page_tokens = page, .pages = 400 / page + 10});
    using sequence = decltype(tenon::sequence(*with.model, pool));
    std::vector<std::pair<sequence, token_list>> all;
    all.emplace_back(sequence(*with.model, pool), token_list{});
    for (int step = 0; step < 40; ++step) {
      CAPTURE(step);
      auto& [one, text] = all[below(all.size())];
      const std::size_t start = below(text.size() / 4 + 1) * 4;  // of a segment
      const auto what = random() % 6;
      if (what == 0 && all.size() < 5) {
        auto fork = one.fork();
        token_list same_text = text;
        all.emplace_back(std::move(fork), std::move(same_text));
      } else if (what == 1) {
        one.truncate(static_cast<index_t>(start)), text.resize(start);
      } else if (what == 2 && all.size() > 1) {
        one = all[below(all.size())].first.fork(0), text.clear();
      } else if (text.size() < 70) {
        token_list more(1 + below(9));
        for (auto& token : more) token = static_cast<std::int32_t>(below(288));
        const std::vector<float> got = read(one, more);
        text.insert(text.end(), more.begin(), more.end());
        tenon::sequence own(*with.model, 80);
        CHECK(got == read(own, text));
      }
    }
    all.clear();
    CHECK(pool.bytes_held() == 0);
  }
}

TEST_CASE("what a gate drops takes no page") {
  const loaded with;
  const token_list text = random_tokens(150);
  auto pool = tenon::pages_of(*with.model, {.page_tokens = 16, .pages = 10});
  tenon::sequence paged(*with.model, pool);
  for (const std::size_t chunk : {std::size_t{150}, std::size_t{10}}) {
    paged.truncate(0);
    const index_t dropped = paged.skipped().keys_skipped;
    read(paged, text, chunk);
    const auto kept = static_cast<std::size_t>(150 - (paged.skipped().keys_skipped - dropped));
    const auto pages = [](std::size_t keys, std::size_t of) { return (keys + of - 1) / of; };
    // Two caches of 10 pages of 16; the kept; four places of 38 segments, 4 to a page, whose rows are stored 16 at a time.
    CHECK(pool.bytes_held() == (2 * 10 * 16 + pages(kept, 16) * 16 + 4 * pages(38, 4) * 16) * key_bytes);
  }
}

TEST_CASE("when one kind of pages runs out, the others are as they were") {
  const loaded with;
  const token_list text = random_tokens(20), prompt = part_of(text, 0, 7);
  // A page is 7 tokens, or 2 segments of 4: two forks at 7 need no second page of tokens, but each a copy of the segments'.
  auto pool = tenon::pages_of(*with.model, {.page_tokens = 7, .pages = 2});
  tenon::sequence first(*with.model, pool);
  read(first, prompt);
  auto second = std::make_unique<decltype(first)>(first.fork());
  read(*second, part_of(text, 7, 1));
  second->truncate(7);
  auto third = first.fork();
  const std::size_t before = pool.bytes_held();
  CHECK(third.capacity() == 7);
  CHECK(fault([&] { read(third, part_of(text, 8, 1)); }).find("[pages] of the pool are spent: 1 more") == 0);
  CHECK((third.length() == 7 && pool.bytes_held() == before && pool.free_pages() == 1 && pool.beside(0).free_pages() == 0));
  second.reset();
  tenon::sequence own(*with.model, 8);
  read(own, prompt);
  CHECK(read(third, part_of(text, 8, 1)) == read(own, part_of(text, 8, 1)));
}
