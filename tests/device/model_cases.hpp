// A whole model on a device, by the lines that a processor takes. For .cu and .hip files, which say before: `device`.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <vector>

#include <tenon/model/on_device.hpp>
#include <tenon/runtime/generate.hpp>

#include "../support/distance.hpp"
#include "../support/random_model.hpp"
#include "../support/temporary_folder.hpp"
#include "../support/tiny_models.hpp"

namespace {

using namespace tenon;
using namespace tenon_test;

struct on_gpu : tiny_llama {
  static constexpr auto precision = bf16_products;
};

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

}  // namespace

#include "device_main.hpp"
