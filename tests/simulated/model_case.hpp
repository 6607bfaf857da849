#pragma once
// Whole models on simulated GPUs beside the same models in fp32 on a processor.

#include <doctest/doctest.h>

#include <span>
#include <string>
#include <vector>

#include <tenon/kernels/launch/simulated_gpus.hpp>
#include <tenon/model/load.hpp>
#include <tenon/runtime/generate.hpp>

#include "../support/distance.hpp"
#include "../support/random_model.hpp"
#include "../support/temporary_folder.hpp"
#include "../support/tiny_models.hpp"

namespace tenon::testing {

/// The precision of a GPU: bf16 products, a bf16 cache.
template <class Spec>
struct on_gpu : Spec {
  static constexpr auto precision = bf16_products;
};

inline std::vector<std::int32_t> tokens_of(std::size_t count, std::int32_t vocabulary = 288) {
  std::vector<std::int32_t> out;
  for (std::uint32_t i = 0; i < count; ++i) out.push_back(static_cast<std::int32_t>((i * 2654435761u >> 7) % static_cast<std::uint32_t>(vocabulary)));
  return out;
}

/// A prompt read at once and then tokens one by one, as a conversation has them, on `Machine`: near what fp32 gives, and without a fault.
template <class Spec, class Machine>
void check_logits(const Machine& machine, weights_file file, std::span<const std::int32_t> tokens, std::size_t prompt, std::span<const float> exact, double bound) {
  const auto model = load<decoder<Spec>>(std::move(file), machine);
  const auto vocabulary = static_cast<std::size_t>(Spec::shape.vocabulary);
  sequence conversation(model, static_cast<index_t>(tokens.size()));
  std::vector<float> got(tokens.size() * vocabulary);
  conversation.read(tokens.first(prompt), view<float, 2>(got.data(), prompt, vocabulary));
  for (std::size_t i = prompt; i < tokens.size(); ++i) {
    const auto logits = conversation.read(tokens.subspan(i, 1));
    std::copy(logits.begin(), logits.end(), got.begin() + static_cast<std::ptrdiff_t>(i * vocabulary));
  }
  const double away = tenon_test::relative_l2(got, exact);
  MESSAGE(std::string(Machine::leaf::name) << ": relative L2 of the logits " << away);
  CHECK(away <= bound);
  CAPTURE(machine.report().text());
  CHECK(machine.report().clean());
}
/// The same of a GGUF file, with the products of every GPU.
template <class Spec, class Machine>
void check_model(const Machine& machine, const std::string& file, std::span<const std::int32_t> tokens, std::size_t prompt, std::span<const float> exact) {
  check_logits<on_gpu<Spec>>(machine, weights_file::open(file), tokens, prompt, exact, 1e-2);
}

}  // namespace tenon::testing
