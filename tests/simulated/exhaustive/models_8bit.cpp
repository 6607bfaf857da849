// Models with a cache of 8 bits on simulated GPUs, contiguous and in pages, by the lines that any precision takes.
#include "../device_case.hpp"
#include "../model_case.hpp"

#include <tenon/runtime/paged_memory.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;
using namespace tenon_test;

template <class Number>
struct in_8_bits : tiny_qwen2 {
  static constexpr precision_policy<Number> precision{.floats = compute::bf16, .bf16s = compute::bf16, .integers = compute::int8x2};
};

template <class Number>
struct exact_but_for_its_cache : tiny_qwen2 {
  static constexpr precision_policy<Number> precision{};
};

TEST_CASE("near a processor with the same cache, the same bits in pages and in a fork") {
  const auto text = tokens_of(140);
  const std::span<const std::int32_t> all = text;
  const auto read = [](auto& sequence, std::span<const std::int32_t> tokens) {
    const auto logits = sequence.read(tokens);
    return std::vector<float>(logits.begin(), logits.end());
  };
  const auto check = [&]<class Number>(Number, const auto& machine) {
    const auto model = load<decoder<in_8_bits<Number>>>(tiny_file("qwen2.gguf"), machine);
    const auto exact = all_logits(load<decoder<exact_but_for_its_cache<Number>>>(tiny_file("qwen2.gguf"), cpu()), text, text.size());
    const double away = relative_l2(all_logits(model, text, text.size()), exact);
    MESSAGE("relative L2 of the logits " << away);
    CHECK(away < 2e-2);
    auto pool = pages_of(model, {.page_tokens = 128, .pages = 4});
    sequence own(model, 140);
    sequence first(model, pool);
    CHECK(read(first, all.first(137)) == read(own, all.first(137)));
    auto second = first.fork();
    CHECK(read(first, all.subspan(137, 1)) == read(own, all.subspan(137, 1)));
    own.truncate(137);
    CHECK(read(second, all.subspan(138, 2)) == read(own, all.subspan(138, 2)));
  };
  const auto in = [&](auto number) { return [&check, number](const auto& machine) { check(number, machine); }; };
  in_every_order<sm80>(in(int8_per_128{}));
  in_every_order<sm90a>(in(e4m3_per_128{}));
  in_every_order<sm90a>(in(int8_per_128{}));
  in_every_order<gfx942>(in(int8_per_128{}));
  in_every_order<gfx1201>(in(e4m3_per_128{}));
}

}  // namespace
