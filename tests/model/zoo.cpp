// The zoo's counts against numbers computed independently (SPEC section 4), and what follows from them.
#include <doctest/doctest.h>

#include <tenon/model/zoo/llama.hpp>
#include <tenon/model/zoo/qwen2.hpp>

using namespace tenon;

namespace {

// The published configuration of a model, and its parameters by hand.
struct configuration {
  std::int64_t width, blocks, heads, kv, dim, hidden, vocabulary;
  bool tied, biased;

  constexpr std::int64_t parameters() const {
    const std::int64_t attention = width * dim * (heads + 2 * kv) + heads * dim * width + (biased ? dim * (heads + 2 * kv) : 0);
    return vocabulary * width * (tied ? 1 : 2) + blocks * (attention + 3 * width * hidden + 2 * width) + width;
  }
};

template <class Spec>
void is(configuration published, std::int64_t parameters) {
  using model = decoder<Spec>;
  CAPTURE(Spec::name);
  CHECK(published.parameters() == parameters);
  CHECK(model::parameters == parameters);
  const std::int64_t vectors = published.blocks * (2 * published.width + (published.biased ? published.dim * (published.heads + 2 * published.kv) : 0)) + published.width;
  CHECK(model::flops_per_token == 2 * (parameters - vectors - (published.tied ? 0 : published.vocabulary * published.width)));
  CHECK(model::cache_bytes_per_token == published.blocks * published.kv * published.dim * 2 * 2);
}

}  // namespace

TEST_CASE("parameter counts, flops and cache bytes of the zoo") {
  is<zoo::smollm2_135m>({576, 30, 9, 3, 64, 1536, 49152, true, false}, 134'515'008);
  is<zoo::r1_distill_llama_8b>({4096, 32, 32, 8, 128, 14336, 128256, false, false}, 8'030'261'248);
  is<zoo::r1_distill_llama_70b>({8192, 80, 64, 8, 128, 28672, 128256, false, false}, 70'553'706'496);
  is<zoo::r1_distill_qwen_1_5b>({1536, 28, 12, 2, 128, 8960, 151936, false, true}, 1'777'088'000);
  is<zoo::r1_distill_qwen_7b>({3584, 28, 28, 4, 128, 18944, 152064, false, true}, 7'615'616'512);
  is<zoo::r1_distill_qwen_14b>({5120, 48, 40, 8, 128, 13824, 152064, false, true}, 14'770'033'664);
  is<zoo::r1_distill_qwen_32b>({5120, 64, 40, 8, 128, 27648, 152064, false, true}, 32'763'876'352);
}
