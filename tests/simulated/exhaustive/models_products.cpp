// Whole models whose products are of numbers of 8 bits, on simulated GPUs: e4m3, and int8 where weights are stored as i8.
#include "../device_case.hpp"
#include "../model_case.hpp"

#include "../../support/narrow_model.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using namespace tenon_test;

// Widths of several scales, the last one's values few.
struct small_llama : tiny_llama {
  static constexpr decoder_spec shape{.width = 320, .blocks = 2, .vocabulary = 288, .tied_head = head::tied, .epsilon = 1e-5f};
  static constexpr auto gate = swiglu{.hidden = 440};
};

template <class Spec>
struct in_e4m3 : Spec {
  static constexpr auto precision = e4m3_products;
};
template <class Spec>
struct in_int8 : Spec {
  static constexpr auto precision = int8_products;
};

struct narrow {
  random_model whole{{.width = 320, .query_heads = 2, .kv_heads = 1, .head_dim = 64, .hidden = 440, .theta = 1e5, .sharpness = 1}};
  narrow_model of;
  std::vector<std::int32_t> tokens = tokens_of(41);
  std::vector<float> exact;  // of the floats that the narrow weights stand for

  explicit narrow(storage kind) : of(whole, kind), exact(all_logits(load<decoder<small_llama>>(file(of.wide), cpu()), tokens, tokens.size())) {}
  weights_file file(const std::vector<stored_tensor>& tensors) const { return weights_file({.path = "a model of a test", .folder = {}, .facts = whole.facts(), .tensors = tensors, .files = {}, .owned = {}}); }
};

// Three bits of fraction, of both sides of each product.
TEST_CASE("weights stored as e4m3") {
  const narrow model(storage::e4m3);
  const auto check = [&](const auto& machine) { check_logits<in_e4m3<small_llama>>(machine, model.file(model.of.narrow), model.tokens, 40, model.exact, 0.13); };
  in_every_order<sm90a>(check);
  in_every_order<gfx942>(check);
}

TEST_CASE("weights stored as i8, with a scale per row") {
  const narrow model(storage::i8);
  const auto check = [&](const auto& machine) { check_logits<in_int8<small_llama>>(machine, model.file(model.of.narrow), model.tokens, 40, model.exact, 0.035); };
  in_every_order<sm80>(check);
}

}  // namespace
