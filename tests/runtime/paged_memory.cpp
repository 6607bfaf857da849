// Sequences of one model over pages: the logits of a contiguous cache bit for bit, prompts held once, and nothing lost when pages run out.
#include <doctest/doctest.h>

#include <memory>
#include <thread>

#include <tenon/runtime/generate.hpp>
#include <tenon/runtime/paged_memory.hpp>

#include "../support/reading.hpp"
#include "../support/tiny_checks.hpp"

using namespace tenon_test;
using tenon::index_t;

namespace {

token_list joined(token_list a, const token_list& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

template <class Spec>
void same_bits_in_pages(const char* file) {
  const auto model = tenon::load<tenon::decoder<Spec>>(tiny_file(file), tenon::cpu({.threads = 2}));
  const token_list text = random_tokens(150);
  for (const std::size_t chunk : {std::size_t{150}, std::size_t{11}}) {
    tenon::sequence own(model, 150);
    const auto want = read(own, text, chunk);
    for (const index_t page : {128, 16, 7, 1}) {
      CAPTURE(page);
      CAPTURE(chunk);
      auto pool = tenon::pages_of(model, {.page_tokens = page, .pages = (150 + page - 1) / page});
      tenon::sequence paged(model, pool);
      CHECK(paged.capacity() == pool.pages() * page);
      CHECK(read(paged, text, chunk) == want);
      CHECK(pool.free_pages() == 0);
    }
  }
}

}  // namespace

TEST_CASE("pages of any size give the logits of a contiguous cache") {
  SUBCASE("llama") { same_bits_in_pages<tiny_llama>("llama.gguf"); }
  SUBCASE("qwen2, a cache of int8") { same_bits_in_pages<quantised_qwen2>("qwen2.gguf"); }
}

TEST_CASE("forks hold a prompt once, and each goes its own way") {
  const auto model = tenon::load<tenon::decoder<tiny_llama>>(tiny_file("llama.gguf"), tenon::cpu());
  const token_list text = random_tokens(120), prompt = part_of(text, 0, 40);
  auto pool = tenon::pages_of(model, {.page_tokens = 16, .pages = 20});
  tenon::sequence first(model, pool);
  read(first, prompt);
  CHECK(pool.free_pages() == 17);
  auto second = first.fork();
  auto third = second.fork(32);
  CHECK((second.length() == 40 && third.length() == 32));
  CHECK(pool.free_pages() == 17);  // nothing was copied
  const auto alone = [&](const token_list& before, const token_list& more) {
    tenon::sequence own(model, 120);
    read(own, before);
    return read(own, more);
  };
  const token_list a = part_of(text, 40, 30), b = part_of(text, 70, 30), c = part_of(text, 100, 20);
  CHECK(read(first, a) == alone(prompt, a));
  CHECK(read(second, b) == alone(prompt, b));
  CHECK(read(third, c) == alone(part_of(prompt, 0, 32), c));
  CHECK(pool.free_pages() == 20 - 2 - 3 - 3 - 2);  // two shared by all; then 70, 70 and 52 tokens
  first = third.fork();
  CHECK(read(first, b) == alone(joined(part_of(prompt, 0, 32), c), b));
  {
    const auto gone = std::move(second);
  }
  third.truncate(3);
  CHECK(read(third, b) == alone(part_of(prompt, 0, 3), b));
}

TEST_CASE("when pages run out nothing is lost") {
  const auto model = tenon::load<tenon::decoder<tiny_llama>>(tiny_file("llama.gguf"), tenon::cpu());
  const token_list text = random_tokens(200);
  auto pool = tenon::pages_of(model, {.page_tokens = 16, .pages = 4});
  tenon::sequence one(model, pool);
  read(one, part_of(text, 0, 40));
  auto two = std::make_unique<decltype(one)>(one.fork());
  CHECK(one.capacity() == 48);  // a page is left, and the shared one is to be copied first
  CHECK(fault([&] { read(one, part_of(text, 40, 9)); }) ==
        "[pages] of the pool are spent: 2 more of 16 keys are needed and 1 of 4 are free. Fix: a pool of more pages, or let go of a sequence.");
  CHECK((one.length() == 40 && pool.free_pages() == 1));
  two.reset();
  CHECK(one.capacity() == 64);
  tenon::sequence own(model, 64);
  read(own, part_of(text, 0, 40));
  CHECK(read(one, part_of(text, 40, 20)) == read(own, part_of(text, 40, 20)));

  auto answer = tenon::generate(one, part_of(text, 60, 1));
  token_list written;
  for (const std::int32_t token : answer) written.push_back(token);
  CHECK(answer.ended() == tenon::ending::full_cache);
  token_list wanted;
  for (const std::int32_t token : tenon::generate(own, part_of(text, 60, 1))) wanted.push_back(token);
  CHECK((written.size() == 4 && written == wanted));
}

TEST_CASE("forks of one prompt in several threads") {
  const auto model = tenon::load<tenon::decoder<tiny_llama>>(tiny_file("llama.gguf"), tenon::cpu({.threads = 1}));
  const token_list text = random_tokens(240), prompt = part_of(text, 0, 40);
  auto pool = tenon::pages_of(model, {.page_tokens = 8, .pages = 120});
  tenon::sequence first(model, pool);
  read(first, prompt);
  std::vector<decltype(first)> forks;
  for (int i = 0; i < 3; ++i) forks.push_back(first.fork());
  std::vector<std::vector<float>> found(3);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 3; ++i)
    threads.emplace_back([&, i] {
      for (int again = 0; again < 3; ++again) {
        forks[i].truncate(37 - again);
        found[i] = read(forks[i], part_of(text, 60 * i, 60), 7);
      }
    });
  for (auto& each : threads) each.join();
  for (std::size_t i = 0; i < 3; ++i) {
    tenon::sequence own(model, 120);
    read(own, part_of(prompt, 0, 35));
    CHECK(found[i] == read(own, part_of(text, 60 * i, 60), 7));
  }
  forks.clear(), first.truncate(0);
  CHECK(pool.free_pages() == 120);
}

TEST_CASE("a pool of another model's layers is refused") {
  const auto llama = tenon::load<tenon::decoder<tiny_llama>>(tiny_file("llama.gguf"), tenon::cpu());
  const auto qwen = tenon::load<tenon::decoder<tiny_qwen2>>(tiny_file("qwen2.gguf"), tenon::cpu());
  auto pool = tenon::pages_of(llama, {.page_tokens = 16, .pages = 4});
  CHECK(fault([&] { tenon::sequence(qwen, pool); }).find("[pool] holds 1 kv heads of 64 and 64, layer 0 of the model has 1 of 128 and 128") == 0);
  tenon::page_pool<float, tenon::cpu> shallow(llama.machine(), pool.shape(), 16, 4), wider(llama.machine(), pool.shape(), 16, 4, 2, {{.caches = 1, .tokens_per_key = 4}});
  CHECK(fault([&] { tenon::sequence(llama, shallow); }) == "[pool] holds 1 layers, the model 2. Fix: pages_of(model, ...).");
  CHECK(fault([&] { tenon::sequence(llama, wider); }) == "[pool] was made for a model whose layers keep keys of other tokens. Fix: pages_of(model, ...).");
  CHECK(fault([&] { tenon::pages_of(llama, {.page_tokens = 0, .pages = 4}); }).find("[page_pool]") == 0);
}
