// Whole models on simulated GPUs: every storage, heads of 128, biases, a head of its own; the first two layers of SmolLM2 itself.
#include "../model_case.hpp"

#include <tenon/model/zoo/llama.hpp>

#include "../../support/real_model.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using namespace tenon_test;

template <class Spec>
void check(const std::string& file, std::size_t prompt, std::size_t answer) {
  const auto tokens = tokens_of(prompt + answer, static_cast<std::int32_t>(Spec::shape.vocabulary));
  const auto exact = all_logits(load<decoder<Spec>>(file, cpu()), tokens, tokens.size());
  check_model<Spec>(simulated<sm80>({.schedule = simulation::schedule::reversed}), file, tokens, prompt, exact);
  check_model<Spec>(simulated<sm90a>({.schedule = simulation::schedule::random, .seed = 3}), file, tokens, prompt, exact);
  check_model<Spec>(simulated<gfx90a>({.schedule = simulation::schedule::reversed}), file, tokens, prompt, exact);
  check_model<Spec>(simulated<gfx942>({.schedule = simulation::schedule::random, .seed = 3}), file, tokens, prompt, exact);
  check_model<Spec>(simulated<gfx1100>({.schedule = simulation::schedule::random, .seed = 3}), file, tokens, prompt, exact);
  check_model<Spec>(simulated<gfx1201>({.schedule = simulation::schedule::reversed}), file, tokens, prompt, exact);
}

TEST_CASE("a prompt in chunks: the bits of the prompt at once; token by token: those of a few at a time, and near the others") {
  const auto check = [](const auto& machine) {
    const auto model = load<decoder<on_gpu<tiny_qwen2>>>(tiny_file("qwen2.gguf"), machine);
    const auto tokens = tokens_of(150);
    const auto whole = all_logits(model, tokens, 150);
    CHECK(all_logits(model, tokens, 67) == whole);
    const auto one_by_one = all_logits(model, tokens, 1);  // by the kernels of few tokens
    CHECK(all_logits(model, tokens, 5) == one_by_one);
    CHECK(relative_l2(one_by_one, whole) <= 1e-2);
  };
  check(simulated<sm80>({.checks = simulation::checks::results}));
  check(simulated<sm90a>({.checks = simulation::checks::results}));
  check(simulated<gfx942>({.checks = simulation::checks::results}));
}

TEST_CASE("a qwen2 of every storage, heads of 128, biases, a head of its own") { check<tiny_qwen2>(tiny_file("qwen2.gguf"), 30, 2); }

struct two_layers : zoo::smollm2_135m {
  static constexpr const char* name = "the first two layers of SmolLM2";
  static constexpr decoder_spec shape{.width = 576, .blocks = 2, .vocabulary = 49152, .tied_head = head::tied, .epsilon = 1e-5f};
  static constexpr auto precision = full_precision;
};

TEST_CASE("the first two layers of SmolLM2") {
  const std::string whole = real_model();
  if (whole.empty()) return;
  const auto file = weights_file::open(whole);
  metadata facts = file.facts();
  facts.set_integer("llama.block_count", 2);
  std::vector<stored_tensor> kept;
  for (const stored_tensor& tensor : file.tensors())
    if (!tensor.name.starts_with("blk.") || tensor.name.starts_with("blk.0.") || tensor.name.starts_with("blk.1.")) kept.push_back(tensor);
  const temporary_folder folder;
  write_gguf(folder / "cut.gguf", facts, kept);
  check<two_layers>(folder / "cut.gguf", 60, 1);
}

}  // namespace
