// The first two layers of SmolLM2 itself, on a processor in bf16 and on simulated GPUs, beside fp32. Skipped where the real model is not there.
#include "../model_case.hpp"

#include <tenon/model/zoo/llama.hpp>

#include "../../support/real_model.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using namespace tenon_test;

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
  const std::string cut = folder / "cut.gguf";
  write_gguf(cut, facts, kept);
  const auto tokens = tokens_of(61, two_layers::shape.vocabulary);
  const auto exact = all_logits(load<decoder<two_layers>>(cut, cpu()), tokens, tokens.size());
  const double away = relative_l2(all_logits(load<decoder<on_gpu<two_layers>>>(cut, cpu()), tokens, tokens.size()), exact);
  MESSAGE("processor, bf16: relative L2 of the logits " << away);
  CHECK(away <= 1e-2);
  CHECK(away > 0);
  // One order of each: the vocabulary is large.
  const auto check = [&]<class... Archs>(const Archs&... machines) { (check_model<two_layers>(machines, cut, tokens, 60, exact), ...); };
  using enum simulation::schedule;
  check(simulated<sm80>({.schedule = reversed}), simulated<sm90a>({.schedule = random, .seed = 3}), simulated<gfx90a>({.schedule = reversed}), simulated<gfx942>({.schedule = random, .seed = 3}),
        simulated<gfx1100>({.schedule = random, .seed = 3}), simulated<gfx1201>({.schedule = reversed}));
}

}  // namespace
