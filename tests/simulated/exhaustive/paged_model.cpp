// A model over pages on simulated GPUs: the logits of a contiguous cache bit for bit, wherever the pages lie; forks go their own ways, and the page in which
// they part is copied in memory of the machine. And one that weighs its heads by the mean of the tokens and compresses others, which a fork takes along.
#define TENON_TEST_ARCHS tenon::sm80, tenon::sm90a, tenon::gfx942, tenon::gfx1201
#include "../device_case.hpp"
#include "../model_case.hpp"

#include <deque>
#include <random>

#include <tenon/model/attention/dynamic.hpp>
#include <tenon/model/attention/three_d.hpp>
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

struct two_heads : on_gpu<tiny_llama> {
  static constexpr attention_spec attention{.query_heads = 4, .kv_heads = 2, .head_dim = 64};
};
struct weighed : two_heads {
  static constexpr const char* name = "a model that weighs its heads";
  static constexpr decoder_spec shape{.width = 64, .blocks = 2, .vocabulary = 288, .tied_head = head::tied, .epsilon = 1e-5f};
  struct layer : two_heads {
    static constexpr dynamic_spec dynamic{.threshold = 0.5f};
  };
  struct compressed : two_heads {
    static constexpr encoding_spec encoding{.terms = 2};
    static constexpr auto weighting = linear{.features = elu_plus_one{}};
  };
  using blocks = stack<repeat<1, block<64, dynamic_attention<layer>, gated_mlp<layer>>>, repeat<1, block<64, three_d_attention<compressed>, gated_mlp<layer>>>>;
};

TEST_CASE("heads that are left out, over pages: the bits of a contiguous cache, and a fork takes sums and counts along") {
  const temporary_folder folder;
  const random_model plain({.kind = storage::bf16, .width = 64, .blocks = 2, .query_heads = 4, .kv_heads = 2, .head_dim = 64, .hidden = 96, .theta = 1e5, .sharpness = 1});
  std::vector<stored_tensor> tensors = plain.tensors();
  std::deque<std::vector<float>> made;
  std::mt19937 random(3);
  const auto add = [&](const std::string& called, index_t rows, index_t columns) {
    std::normal_distribution<float> normal(0, 0.5f);
    auto& values = made.emplace_back(static_cast<std::size_t>(rows * columns));
    for (float& x : values) x = normal(random);
    tensors.push_back({.name = "blk." + called,
                       .matrix = {.kind = storage::f32, .rows = rows, .columns = columns, .bytes = reinterpret_cast<const std::byte*>(values.data())},
                       .shape = columns == 1 ? std::vector<index_t>{rows} : std::vector<index_t>{rows, columns}});
  };
  const std::string weights = "0.attn_head_weights", position = "1.attn_position_";
  add(weights + "_up.weight", 128, 64), add(weights + "_up.bias", 128, 1), add(weights + ".weight", 4, 128), add(weights + ".bias", 4, 1);
  add(position + "cos.weight", 8, 1), add(position + "sin.weight", 8, 1);
  write_gguf(folder / "weighed.gguf", plain.facts(), tensors);

  const auto check = [&]<class Machine>(const Machine& machine) {
    const auto model = load<decoder<weighed>>(folder / "weighed.gguf", machine);
    const auto text = tokens_of(140);
    const std::span<const std::int32_t> all = text;
    auto pool = pages_of(model, {.page_tokens = 128, .pages = 4});
    paged_sequence<bf16, Machine> other(pool);
    other.extend(1);
    sequence own(model, 140), also(model, 140);
    sequence first(model, pool);
    CHECK(read(first, all.first(131)) == read(own, all.first(131)));
    read(also, all.first(131));
    auto second = first.fork();
    CHECK(read(first, all.subspan(131, 3)) == read(own, all.subspan(131, 3)));
    CHECK(read(second, all.subspan(134, 2)) == read(also, all.subspan(134, 2)));
    const skipped_work got = second.skipped(), want = also.skipped();
    CHECK((got.heads == want.heads && got.heads_skipped == want.heads_skipped && got.heads == 4 * 133));
    CHECK((want.heads_skipped > 3 && want.heads_skipped < want.heads - 3));
  };
  in_every_order<sm80>(check);
  in_every_order<sm90a>(check);
  in_every_order<gfx942>(check);
}

}  // namespace
