// A whole model on a device, by the lines that a processor takes. For .cu and .hip files, which say before: `device`.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <vector>

#include <tenon/runtime/generate.hpp>
#include <tenon/runtime/paged_on_device.hpp>

#include "../support/distance.hpp"
#include "../support/random_model.hpp"
#include "../support/temporary_folder.hpp"
#include "../support/tiny_models.hpp"

namespace {

using namespace tenon;
using namespace tenon_test;

template <class Spec>
struct in_bf16 : Spec {
  static constexpr auto precision = bf16_products;
};
using on_gpu = in_bf16<tiny_llama>;

struct written {
  temporary_folder folder;
  std::string path = folder / "llama.gguf";
  written() {
    random_model({.kind = storage::bf16, .width = 64, .query_heads = 2, .kv_heads = 1, .head_dim = 64, .hidden = 96, .theta = 1e5, .sharpness = 1}).write_gguf(path);
  }
};

const std::vector<std::int32_t> prompt{5, 77, 200, 3, 150, 287, 0, 42, 11, 96, 31};

TEST_CASE("a model on a device gives the logits of fp32, whole and in chunks") {
  const written file;
  const auto exact = all_logits(load<decoder<tiny_llama>>(file.path, cpu()), prompt, prompt.size());
  const auto model = load<decoder<on_gpu>>(file.path, device{0});
  CHECK(model.machine().index() == 0);
  CHECK(model.packed_bytes() > 0);
  const auto whole = all_logits(model, prompt, prompt.size());
  CHECK(relative_l2(whole, exact) <= 1e-2);
  CHECK(relative_l2(all_logits(model, prompt, 4), exact) <= 1e-2);
  CHECK(all_logits(model, prompt, prompt.size()) == whole);
}

TEST_CASE("tokens are generated one by one, as the logits say, and a sequence forgets") {
  const written file;
  const auto model = load<decoder<on_gpu>>(file.path, device{0});
  sequence conversation(model, 32);
  std::vector<std::int32_t> said, again;
  for (const std::int32_t token : generate(conversation, prompt, {.max_tokens = 4})) said.push_back(token);
  REQUIRE(said.size() == 4);
  const std::vector<float> logits = all_logits(model, prompt, prompt.size());
  CHECK(said[0] == static_cast<std::int32_t>(argmax(std::span(logits).last(288))));
  conversation.truncate(0);
  CHECK(conversation.length() == 0);
  for (const std::int32_t token : generate(conversation, prompt, {.max_tokens = 4})) again.push_back(token);
  CHECK(again == said);
}

TEST_CASE("a qwen2 of every storage, with biases and a head of its own: a prompt, and steps that are recorded") {
  const std::string path = tiny_file("qwen2.gguf");
  const auto exact = all_logits(load<decoder<tiny_qwen2>>(path, cpu()), prompt, prompt.size());
  const auto model = load<decoder<in_bf16<tiny_qwen2>>>(path, device{0});
  CHECK(relative_l2(all_logits(model, prompt, prompt.size()), exact) <= 1e-2);
  const auto one_by_one = all_logits(model, prompt, 1);
  CHECK(relative_l2(one_by_one, exact) <= 1e-2);
  CHECK(all_logits(model, prompt, 5) == one_by_one);  // by the kernels of few tokens, recorded and not
}

TEST_CASE("drawn by chance, tokens are those that the host would draw from the same logits") {
  const written file;
  const auto model = load<decoder<on_gpu>>(file.path, device{0});
  const generation how{.temperature = 1.5f, .top_k = 60, .top_p = 0.95f, .repetition_penalty = 1.1f, .seed = 5, .max_tokens = 4};
  sequence drawing(model, 32), reading(model, 32);
  sampler host(how.choices(), 288);
  std::vector<std::int32_t> context = prompt;
  auto logits = reading.read(prompt);
  for (const std::int32_t token : generate(drawing, prompt, how)) {
    CHECK(token == host(logits.data(), context));
    context.push_back(token);
    logits = reading.read(std::span(&context.back(), 1));
  }
  CHECK(context.size() == prompt.size() + 4);
}

TEST_CASE("over pages, a step that is recorded goes on into the next page with the bits of a contiguous cache; forks go their own ways") {
  const written file;
  const auto model = load<decoder<on_gpu>>(file.path, device{0});
  std::vector<std::int32_t> text;
  for (std::uint32_t i = 0; i < 134; ++i) text.push_back(static_cast<std::int32_t>((i * 2654435761u >> 7) % 288));
  const std::span<const std::int32_t> all = text;
  const auto read = [](auto& sequence, std::span<const std::int32_t> tokens) {
    const auto logits = sequence.read(tokens);
    return std::vector<float>(logits.begin(), logits.end());
  };
  auto pool = pages_of(model, {.page_tokens = 128, .pages = 4});
  sequence own(model, 134);
  sequence first(model, pool);
  CHECK(read(first, all.first(126)) == read(own, all.first(126)));
  auto second = first.fork();
  CHECK(pool.free_pages() == 3);
  for (std::size_t i = 126; i < 131; ++i) CHECK(read(first, all.subspan(i, 1)) == read(own, all.subspan(i, 1)));
  CHECK(pool.free_pages() == 1);
  own.truncate(126);
  for (std::size_t i = 131; i < 134; ++i) CHECK(read(second, all.subspan(i, 1)) == read(own, all.subspan(i, 1)));
  CHECK(pool.free_pages() == 0);
  CHECK_THROWS_WITH_AS(read(first, all), doctest::Contains("[pages] of the pool are spent"), error);
}

}  // namespace

#include "device_main.hpp"
