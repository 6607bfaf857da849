// Whole models offline, on the best machine of this processor: transformers' logits in fp64 (tests/oracles/tiny.py), any cut of a
// text into calls, any number of threads, both file formats. One program, because a machine's kernels take long to compile.
#include <thread>

#include "../support/tiny_checks.hpp"

#if __has_include(<nlohmann/json.hpp>)  // tenon::text has what it needs
#include <tenon/model/weights/open.hpp>
#endif

using namespace tenon_test;


namespace {

template <class Spec, class Machine>
std::vector<float> logits_with(int threads, const char* file) {
  const auto model = tenon::load<tenon::decoder<Spec>>(tiny_file(file), Machine(tenon::cpu_options{.threads = threads}));
  auto logits = all_logits(model, tiny_prompt(2), 61);
  const auto one_by_one = all_logits(model, tiny_prompt(1), 1);
  logits.insert(logits.end(), one_by_one.begin(), one_by_one.end());
  return logits;
}

template <class Model>
std::vector<std::int32_t> answer(const Model& model, int prompt) {
  tenon::sequence sequence(model, 256);
  std::vector<std::int32_t> tokens;
  for (const std::int32_t token : tenon::generate(sequence, tiny_prompt(prompt), {.max_tokens = 100})) tokens.push_back(token);
  return tokens;
}

}  // namespace

TEST_CASE("logits and greedy tokens are those of transformers") { tiny_models_agree(tenon::cpu()); }


TEST_CASE("one block, chunks of any size, token by token: the same logits") { chunks_agree(tenon::cpu()); }

TEST_CASE("a prompt longer than one block of the arena") {
  const auto model = tenon::load<tenon::decoder<tiny_qwen2>>(tiny_file("qwen2.gguf"), tenon::cpu());
  const auto tokens = random_tokens(static_cast<std::size_t>(tenon::block_tokens) + 70);
  CHECK(relative_l2(all_logits(model, tokens, tokens.size()), all_logits(model, tokens, 1)) < 1e-5);
}

TEST_CASE("the last token's logits are the last of all tokens' logits") {
  const auto model = tenon::load<tenon::decoder<tiny_llama>>(tiny_file("llama.gguf"), tenon::cpu());
  const auto tokens = random_tokens(40);
  tenon::sequence sequence(model, 40);
  const auto last = sequence.read(tokens);
  const auto all = all_logits(model, tokens, tokens.size());
  CHECK(relative_l2(last, std::span(all).last(288)) < 1e-6);
}

TEST_CASE("a truncated sequence goes on as if the rest had never been read") {
  const auto model = tenon::load<tenon::decoder<tiny_llama>>(tiny_file("llama.gguf"), tenon::cpu());
  const auto tokens = random_tokens(60);
  const std::span<const std::int32_t> all = tokens;
  const auto read = [&](tenon::sequence<tenon::decoder<tiny_llama>, tenon::cpu>& sequence, std::size_t first, std::size_t count) {
    const auto logits = sequence.read(all.subspan(first, count));
    return std::vector<float>(logits.begin(), logits.end());
  };
  tenon::sequence kept(model, 64), changed(model, 64);
  read(kept, 0, 20);
  read(changed, 0, 20);
  read(changed, 40, 20);
  changed.truncate(20);
  CHECK(changed.length() == 20);
  CHECK(read(changed, 20, 13) == read(kept, 20, 13));
}

TEST_CASE("what a sequence cannot read is refused, and the sequence stays as it was") {
  const auto model = tenon::load<tenon::decoder<tiny_llama>>(tiny_file("llama.gguf"), tenon::cpu());
  using tokens = std::vector<std::int32_t>;
  tenon::sequence sequence(model, 8);
  const auto first = sequence.read(tokens{5, 6, 7});
  const std::vector<float> before(first.begin(), first.end());
  const auto says = [&](const tokens& given) {
    try {
      sequence.read(given);
    } catch (const tenon::error& fault) {
      return std::string(fault.what());
    }
    return std::string("nothing");
  };
  CHECK(says({}) == "a sequence was given no tokens to read. Fix: give at least one.");
  CHECK(says({1, 288}).find("token 288 is outside the vocabulary of 288") != std::string::npos);
  CHECK(says({-1}).find("token -1 is outside the vocabulary") != std::string::npos);
  CHECK(says(tokens(6, 1)).find("the cache has room for 8 tokens: 3 are taken and 6 more do not fit") != std::string::npos);
  CHECK(sequence.length() == 3);
  std::vector<float> out(288);
  CHECK_THROWS_AS(sequence.read(tokens{1, 2}, tenon::view<float, 2>(out.data(), 1, 288)), tenon::error);
  CHECK_THROWS_AS((tenon::sequence(model, 0)), tenon::error);

  sequence.truncate(0);
  const auto again = sequence.read(tokens{5, 6, 7});
  CHECK(std::vector<float>(again.begin(), again.end()) == before);
  CHECK(says(tokens(5, 1)) == "nothing");  // exactly full
  CHECK(says({1}).find("8 are taken and 1 more do not fit") != std::string::npos);
}

TEST_CASE_TEMPLATE("1, 2 and 4 threads give the same bits", Spec, tiny_llama, tiny_qwen2, quantised_qwen2) {
  const char* file = std::is_same_v<Spec, tiny_llama> ? "llama.gguf" : "qwen2.gguf";
  const auto alone = logits_with<Spec, tenon::cpu>(1, file);
  CHECK(logits_with<Spec, tenon::cpu>(2, file) == alone);
  CHECK(logits_with<Spec, tenon::cpu>(4, file) == alone);
  CHECK(logits_with<Spec, tenon::cpu>(1, file) == alone);
}

TEST_CASE("two models in two threads at once answer as they do alone, and so do two sequences of one model") {
  const tenon::cpu machine(tenon::cpu_options{.threads = 2});
  const auto llama = tenon::load<tenon::decoder<tiny_llama>>(tiny_file("llama.gguf"), machine);
  const auto qwen2 = tenon::load<tenon::decoder<quantised_qwen2>>(tiny_file("qwen2.gguf"), machine);
  const auto llama_1 = answer(llama, 1), llama_2 = answer(llama, 2), qwen2_2 = answer(qwen2, 2);
  for (int round = 0; round < 4; ++round) {
    std::vector<std::int32_t> first, second, third;
    {
      std::jthread a([&] { first = answer(llama, 1); }), b([&] { second = answer(qwen2, 2); }), c([&] { third = answer(llama, 2); });
    }
    CHECK(first == llama_1);
    CHECK(second == qwen2_2);
    CHECK(third == llama_2);
  }
}

#if __has_include(<nlohmann/json.hpp>)
// The published checkpoint (two shards), and GGUF with permuted rows.
TEST_CASE("safetensors and GGUF of one model give equal logits") {
  const tenon::cpu machine;
  using decoder = tenon::decoder<tiny_llama>;
  const auto folder = tenon::load<decoder>(tenon::open_weights(tiny_file("llama")), machine);
  const auto file = tenon::load<decoder>(tenon::open_weights(tiny_file("llama.gguf")), machine);
  for (int number = 0; number < 3; ++number) {
    const auto logits = all_logits(folder, tiny_prompt(number), 50);
    CHECK(logits == all_logits(file, tiny_prompt(number), 50));
    CHECK(relative_l2(logits, load_npy<float>("tiny/llama_logits_" + std::to_string(number))) < 2e-6);
  }
}
#endif
