// A whole model on a simulated GPU, two layers of SmolLM2's shape with random weights: loaded, read and generated from by the lines that a
// processor takes. Other machines and models: exhaustive/models.cpp.
#include "model_case.hpp"

#include <tenon/runtime/paged_memory.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;
using namespace tenon_test;

struct smollm2_cut : tiny_llama {
  static constexpr const char* name = "two layers of SmolLM2's shape";
  static constexpr decoder_spec shape{.width = 576, .blocks = 2, .vocabulary = 288, .tied_head = head::tied, .epsilon = 1e-5f};
  static constexpr attention_spec attention{.query_heads = 9, .kv_heads = 3, .head_dim = 64};
  static constexpr auto gate = swiglu{.hidden = 1536};
};
using on_device = decoder<on_gpu<smollm2_cut>>;

std::string written(const temporary_folder& folder) {
  random_model({.kind = storage::bf16, .width = 576, .query_heads = 9, .kv_heads = 3, .head_dim = 64, .hidden = 1536, .theta = 1e5, .sharpness = 1}).write_gguf(folder / "llama.gguf");
  return folder / "llama.gguf";
}

TEST_CASE("a prompt and the token after it: the logits of fp32") {
  const temporary_folder folder;
  const std::string file = written(folder);
  const auto tokens = tokens_of(101);
  const auto exact = all_logits(load<decoder<smollm2_cut>>(file, cpu()), tokens, tokens.size());
  check_model<smollm2_cut>(simulated<sm80>({.schedule = simulation::schedule::reversed, .copies = simulation::copies::lazy}), file, tokens, 100, exact);
}

TEST_CASE("a prompt at once and in chunks: the same bits; what is generated is what the host would choose") {
  const temporary_folder folder;
  const auto model = load<on_device>(written(folder), simulated<sm80>({.checks = simulation::checks::results}));
  const auto tokens = tokens_of(3);
  const auto whole = all_logits(model, tokens, 3);
  CHECK(all_logits(model, tokens, 2) == whole);

  sequence answering(model, 16);
  std::vector<std::int32_t> said;
  for (const std::int32_t token : generate(answering, tokens, {.max_tokens = 1})) said.push_back(token);
  REQUIRE(said.size() == 1);
  CHECK(said[0] == static_cast<std::int32_t>(tenon_test::argmax(std::span(whole).last(288))));
  // Drawn by chance, it is the token that the host would draw from the same logits.
  const generation how{.temperature = 2, .top_k = 50, .top_p = 0.9f, .repetition_penalty = 1.2f, .seed = 4, .max_tokens = 2};
  sequence drawing(model, 16), reading(model, 16);
  std::vector<std::int32_t> drawn, context(tokens.begin(), tokens.end());
  for (const std::int32_t token : generate(drawing, tokens, how)) drawn.push_back(token);
  sampler host(how.choices(), 288);
  auto logits = reading.read(tokens);
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    CHECK(drawn[i] == host(logits.data(), context));
    context.push_back(drawn[i]);
    logits = reading.read(std::span(&context.back(), 1));
  }
  CHECK(drawn.size() == 2);
  CHECK(model.machine().report().clean());

  // Over pages, and in a fork whose first token copies the page that both hold: exhaustive/paged_model.cpp has the rest.
  auto pool = pages_of(model, {.page_tokens = 128, .pages = 3});
  sequence first(model, pool);
  const auto last = [](std::span<const float> row) { return std::vector<float>(row.begin(), row.end()); };
  CHECK(last(first.read(tokens)) == std::vector<float>(whole.end() - 288, whole.end()));
  auto second = first.fork();
  const auto went_on = last(second.read(std::span(context).subspan(3, 1)));
  CHECK(pool.free_pages() == 1);
  reading.truncate(3);
  CHECK(last(reading.read(std::span(context).subspan(3, 1))) == went_on);
  CHECK(last(first.read(std::span(context).subspan(3, 1))) == went_on);
  CHECK(model.machine().report().clean());
}

}  // namespace
