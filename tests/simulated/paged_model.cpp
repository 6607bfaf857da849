// A model over pages on simulated GPUs: the logits of a contiguous cache bit for bit, wherever the pages lie; forks go their own ways, and the page in which
// they part is copied in memory of the machine. On others, and layers that sum up: exhaustive/paged_model.cpp.
#if !defined(TENON_TEST_ARCHS)
#define TENON_TEST_ARCHS tenon::sm80
#endif
#include "device_case.hpp"
#include "model_case.hpp"

#include <tenon/runtime/paged_memory.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;
using namespace tenon_test;

std::vector<float> read(auto& sequence, std::span<const std::int32_t> tokens) {
  const auto logits = sequence.read(tokens);
  return {logits.begin(), logits.end()};
}
std::string fault(auto&& f) {
  try {
    f();
  } catch (const error& e) {
    return e.what();
  }
  return "no fault";
}

TEST_CASE("a prompt over two pages, tokens after it, forks within both, and a pool that is spent") {
  const temporary_folder folder;
  random_model({.kind = storage::bf16, .width = 64, .query_heads = 2, .kv_heads = 1, .head_dim = 64, .hidden = 96, .theta = 1e5, .sharpness = 1}).write_gguf(folder / "llama.gguf");
  on_simulated_gpus([&]<class Machine>(const Machine& machine) {
    const auto model = load<decoder<on_gpu<tiny_llama>>>(folder / "llama.gguf", machine);
    const auto text = tokens_of(140);
    const std::span<const std::int32_t> all = text, prompt = all.first(130);
    sequence own(model, 200);
    // What the model says to `more` after the first `length` tokens of the prompt.
    const auto alone = [&](index_t length, std::span<const std::int32_t> more) {
      own.truncate(length);
      return read(own, more);
    };
    auto pool = pages_of(model, {.page_tokens = 128, .pages = 5});
    paged_sequence<bf16, Machine> other(pool);
    other.extend(1);
    sequence first(model, pool);
    CHECK(first.capacity() == 4 * 128);
    CHECK(read(first, prompt) == alone(0, prompt));
    CHECK(pool.free_pages() == 2);
    CHECK(read(first, all.subspan(130, 1)) == alone(130, all.subspan(130, 1)));

    auto second = first.fork(130);
    CHECK(pool.free_pages() == 2);  // nothing was copied
    first.truncate(130);
    CHECK(read(first, all.subspan(134, 1)) == alone(130, all.subspan(134, 1)));
    CHECK(pool.free_pages() == 1);
    CHECK(read(second, all.subspan(132, 2)) == alone(130, all.subspan(132, 2)));  // the page is its own by now
    CHECK(pool.free_pages() == 1);
    auto third = second.fork(120);
    CHECK(read(third, all.subspan(135, 3)) == alone(120, all.subspan(135, 3)));
    CHECK(pool.free_pages() == 0);

    auto fourth = first.fork();
    CHECK(fault([&] { read(fourth, all.first(1)); }) == "[pages] of the pool are spent: 1 more of 128 keys are needed and 0 of 5 are free. Fix: a pool of more pages, or let go of a sequence.");
    CHECK(fourth.length() == 131);
    other.truncate(0);
    third = fourth.fork();
    CHECK(third.capacity() == 3 * 128);
    first.truncate(0), second.truncate(0);
    alone(120, all.subspan(120, 10)), alone(130, all.subspan(134, 1));
    CHECK(read(third, all.subspan(138, 2)) == read(own, all.subspan(138, 2)));
  });
}

TEST_CASE("pages that no block of keys fits are refused") {
  const temporary_folder folder;
  random_model({.kind = storage::bf16, .width = 64, .query_heads = 2, .kv_heads = 1, .head_dim = 64, .hidden = 96, .theta = 1e5}).write_gguf(folder / "llama.gguf");
  const auto model = load<decoder<on_gpu<tiny_llama>>>(folder / "llama.gguf", simulated<sm80>{});
  CHECK(fault([&] { pages_of(model, {.page_tokens = 16, .pages = 4}); }) == "[cache.page_keys] is 16: on a GPU a page holds whole blocks of 128 keys. Fix: a multiple of it.");
  CHECK(fault([&] { pages_of(model, {.page_tokens = 128}); }).find("[page_pool] was asked for 0 pages") == 0);
}

}  // namespace
