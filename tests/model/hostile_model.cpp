// Well-formed weights files that are not the model of the spec: load says which tensor or fact, what was expected and what
// was found, before it takes memory.

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <tenon/model/load_any.hpp>

#include "../support/random_model.hpp"
#include "../support/small_spec.hpp"
#include "../support/temporary_folder.hpp"

namespace {

using tenon_test::random_model;

// The random llama, and the random qwen2.
struct llama_spec : small_spec {
  static constexpr const char* name = "random llama";
  static constexpr tenon::decoder_spec shape{.width = 64, .blocks = 2, .vocabulary = 288, .tied_head = tenon::head::tied, .epsilon = 1e-5f};
  static constexpr auto gate = tenon::swiglu{.hidden = 128};
};
struct qwen2_spec : llama_spec {
  static constexpr const char* name = "random qwen2";
  static constexpr tenon::decoder_spec shape{.width = 64, .blocks = 2, .vocabulary = 288, .tied_head = tenon::head::untied, .epsilon = 1e-5f};
  static constexpr tenon::attention_spec attention{.query_heads = 4, .kv_heads = 2, .head_dim = 16, .qkv_bias = tenon::bias::learned};
};
struct llama3_spec : llama_spec {
  static constexpr auto position = tenon::rotary{.theta = 1e4f, .pairing = tenon::halves, .scaling = tenon::llama3{.factor = 8, .low = 1, .high = 4, .original = 32}};
};

struct changed_model {
  tenon::metadata facts;
  std::vector<tenon::stored_tensor> tensors;
  std::vector<float> floats = std::vector<float>(288 * 64, 0.5f);

  tenon::stored_tensor& at(const std::string& name) {
    for (auto& t : tensors)
      if (t.name == name) return t;
    throw tenon::error("no tensor ", name);
  }
  void erase(const std::string& name) {
    std::erase_if(tensors, [&](const tenon::stored_tensor& t) { return t.name == name; });
  }
  void add(const std::string& name, std::vector<tenon::index_t> shape) {
    const tenon::index_t columns = shape.size() == 1 ? 1 : shape.back();
    tenon::index_t values = 1;
    for (const tenon::index_t extent : shape) values *= extent;
    tensors.push_back({.name = name, .matrix = {.rows = values / columns, .columns = columns, .bytes = reinterpret_cast<const std::byte*>(floats.data())}, .shape = std::move(shape)});
  }
};

// What load<Spec> says of the random model after `change`; empty where it loads.
template <class Spec = llama_spec>
std::string complaint(const std::function<void(changed_model&)>& change, const char* architecture = "llama") {
  static const tenon_test::temporary_folder folder;
  const random_model model({.architecture = architecture});
  changed_model changed{.facts = model.facts(), .tensors = model.tensors()};
  change(changed);
  const std::string path = folder / "changed.gguf";
  tenon::write_gguf(path, changed.facts, changed.tensors);
  const auto loaded = tenon::try_load<tenon::decoder<Spec>>(path, tenon::cpu_scalar());
  if (loaded) return {};
  CHECK(std::string(loaded.fault().what()).find("changed.gguf") != std::string::npos);
  CHECK(std::string(loaded.fault().what()).find(" Fix: ") != std::string::npos);
  return loaded.fault().what();
}

template <class Spec = llama_spec>
void refused(const std::function<void(changed_model&)>& change, const std::vector<const char*>& words, const char* architecture = "llama") {
  const std::string said = complaint<Spec>(change, architecture);
  CAPTURE(said);
  for (const char* word : words) {
    CAPTURE(word);
    CHECK(said.find(word) != std::string::npos);
  }
}

TEST_CASE("unchanged, both load") {
  CHECK(complaint([](changed_model&) {}).empty());
  CHECK(complaint<qwen2_spec>([](changed_model&) {}, "qwen2").empty());
}

TEST_CASE("missing tensors") {
  for (const char* name : {"token_embd.weight", "output_norm.weight", "blk.0.attn_q.weight", "blk.1.attn_norm.weight", "blk.1.ffn_down.weight"})
    refused([&](changed_model& m) { m.erase(name); }, {"no tensor", name, "["});
  refused<qwen2_spec>([](changed_model& m) { m.erase("output.weight"); }, {"output.weight"}, "qwen2");
  refused<qwen2_spec>([](changed_model& m) { m.erase("blk.1.attn_k.bias"); }, {"no tensor", "blk.1.attn_k.bias", "[32]"}, "qwen2");
  refused([](changed_model& m) { m.tensors.clear(); }, {"no tensor"});
}

TEST_CASE("tensors of another shape") {
  refused([](changed_model& m) { m.erase("blk.0.ffn_up.weight"), m.add("blk.0.ffn_up.weight", {128, 32}); }, {"blk.0.ffn_up.weight", "[128, 32]", "[128, 64]"});
  refused([](changed_model& m) { m.erase("blk.0.ffn_up.weight"), m.add("blk.0.ffn_up.weight", {64, 128}); }, {"blk.0.ffn_up.weight", "[64, 128]", "[128, 64]"});
  refused([](changed_model& m) { m.erase("blk.1.attn_norm.weight"), m.add("blk.1.attn_norm.weight", {63}); }, {"blk.1.attn_norm.weight", "[63]", "[64]"});
  refused([](changed_model& m) { m.erase("blk.1.attn_norm.weight"), m.add("blk.1.attn_norm.weight", {1, 64}); }, {"blk.1.attn_norm.weight", "[1, 64]", "[64]"});
  refused([](changed_model& m) { m.erase("token_embd.weight"), m.add("token_embd.weight", {287, 64}); }, {"token_embd.weight", "[287, 64]", "[288, 64]"});
}

TEST_CASE("tensors that the spec does not know") {
  refused([](changed_model& m) { m.add("blk.0.attn_q_norm.weight", {16}); }, {"blk.0.attn_q_norm.weight", "[16]", "does not use"});
  refused([](changed_model& m) { m.add("blk.2.attn_q.weight", {64, 64}); }, {"blk.2.attn_q.weight", "does not use"});
  refused([](changed_model& m) { m.add("output.weight", {288, 64}); }, {"[shape.tied_head]", "output.weight"});
  refused([](changed_model& m) { m.add("blk.0.attn_q.bias", {64}); }, {"[attention.qkv_bias]", "blk.0.attn_q.bias"});
  refused([](changed_model& m) { m.add("blk.1.attn_q.bias", {64}); }, {"blk.1.attn_q.bias", "does not use"});
  refused([](changed_model& m) { m.add("blk.0.ffn_up.bias", {128}); }, {"blk.0.ffn_up.bias", "does not use"});
}

TEST_CASE("facts of another model") {
  for (const auto& [key, address, value] : std::vector<std::tuple<const char*, const char*, int>>{{"block_count", "[shape.blocks]", 3},
                                                                                                  {"embedding_length", "[shape.width]", 128},
                                                                                                  {"vocab_size", "[shape.vocabulary]", 289},
                                                                                                  {"attention.head_count", "[attention.query_heads]", 8},
                                                                                                  {"attention.head_count_kv", "[attention.kv_heads]", 4},
                                                                                                  {"attention.value_length", "[attention.head_dim]", 32},
                                                                                                  {"rope.dimension_count", "[position.dims]", 8},
                                                                                                  {"attention.sliding_window", "[mask]", 8},
                                                                                                  {"feed_forward_length", "[gate.hidden]", 256}})
    refused([&](changed_model& m) { m.facts.set_integer(std::string("llama.") + key, value); }, {address, std::to_string(value).c_str()});
  refused([](changed_model& m) { m.facts.set_real("llama.rope.freq_base", 500000); }, {"[position.theta]", "10000", "500000"});
  refused([](changed_model& m) { m.facts.set_real("llama.attention.layer_norm_rms_epsilon", 1e-6); }, {"[shape.epsilon]"});
  refused([](changed_model& m) { m.facts.set_real("llama.attention.layer_norm_rms_epsilon", std::numeric_limits<double>::quiet_NaN()); }, {"[shape.epsilon]", "nan"});
  refused([](changed_model& m) { m.facts.set_text("llama.block_count", "two"); }, {"llama.block_count", "expected a number, found STRING"});
  refused([](changed_model& m) { m.facts.set_texts("llama.attention.head_count_kv", std::vector<std::string>{"2"}); }, {"llama.attention.head_count_kv", "found a list of STRING"});
}

TEST_CASE("an architecture whose arithmetic is another") {
  for (const char* other : {"gemma2", "granite", "phi3"}) refused([&](changed_model& m) { m.facts.set_text("general.architecture", other); }, {"general.architecture", other});
}

TEST_CASE("frequencies that are scaled in the file and not in the spec, and the reverse") {
  const auto state = [](const char* type, double factor) {
    return [=](changed_model& m) {
      m.facts.set_text("llama.rope.scaling.type", type);
      m.facts.set_real("llama.rope.scaling.factor", factor);
      m.facts.set_integer("llama.rope.scaling.original_context_length", 32);
      m.facts.set_real("llama.rope.scaling.low_freq_factor", 1);
      m.facts.set_real("llama.rope.scaling.high_freq_factor", 4);
    };
  };
  refused(state("llama3", 8), {"[position.scaling]", "llama3"});
  refused(state("yarn", 4), {"[position.scaling]", "yarn"});
  refused(state("linear", 2), {"[position.scaling]", "linear"});
  CHECK(complaint(state("none", 1)).empty());
  CHECK(complaint<llama3_spec>(state("llama3", 8)).empty());
  refused<llama3_spec>(state("llama3", 32), {"[position.scaling]", "llama3"});
  refused<llama3_spec>(state("none", 1), {"[position.scaling]", "none"});

  // GGUF files of Llama 3 models state the scaling as one divisor per frequency.
  const auto divisors = [](float first, float last) {
    return [=](changed_model& m) {
      m.floats = {first, 1, 1, 1, 1, 1, 1, last};
      for (int i = 1; i < 7; ++i) m.floats[static_cast<std::size_t>(i)] = static_cast<float>(std::pow(10000.0, -i / 8.0) / llama3_spec::position.frequency(i, 16));
      m.add("rope_freqs.weight", {8});
    };
  };
  CHECK(complaint<llama3_spec>(divisors(1, 8)).empty());
  refused<llama3_spec>(divisors(1, 7), {"rope_freqs.weight", "[position.scaling]"});
  refused(divisors(1, 8), {"rope_freqs.weight", "[position.scaling]"});
  CHECK(complaint([](changed_model& m) { m.floats.assign(8, 1.f), m.add("rope_freqs.weight", {8}); }).empty());
  refused([](changed_model& m) { m.floats.assign(8, 1.f), m.add("rope_freqs.weight", {7}); }, {"rope_freqs.weight", "[7]", "8 pairs"});
}

TEST_CASE("load_any names every spec and what differs") {
  static const tenon_test::temporary_folder folder;
  random_model({.width = 96}).write_gguf(folder / "wide.gguf");
  const auto loaded = tenon::attempt([&] { return tenon::load_any<tenon::decoder<llama_spec>, tenon::decoder<qwen2_spec>>(tenon::weights_file::open(folder / "wide.gguf"), tenon::cpu_scalar(), [](auto&&) {}), 0; });
  REQUIRE_FALSE(loaded);
  const std::string said = loaded.fault().what();
  CAPTURE(said);
  for (const char* word : {"wide.gguf", "random llama", "random qwen2", "[shape.width] is 64 in the spec and 96 in the file", " Fix: "}) CHECK(said.find(word) != std::string::npos);
}

}  // namespace
