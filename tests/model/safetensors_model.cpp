// One model from GGUF and from safetensors gives equal logits, and narrow weights with scales mean what their floats mean.

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <tenon/model/load.hpp>
#include <tenon/model/weights/open.hpp>

#include "../support/distance.hpp"
#include "../support/narrow_model.hpp"
#include "../support/random_model.hpp"
#include "../support/small_spec.hpp"
#include "../support/temporary_folder.hpp"

namespace {

using tenon_test::random_model;

struct llama_spec : small_spec {
  static constexpr tenon::decoder_spec shape{.width = 64, .blocks = 2, .vocabulary = 288, .tied_head = tenon::head::tied, .epsilon = 1e-5f};
  static constexpr auto gate = tenon::swiglu{.hidden = 128};
};
struct qwen2_spec : llama_spec {
  static constexpr tenon::decoder_spec shape{.width = 64, .blocks = 2, .vocabulary = 288, .tied_head = tenon::head::untied, .epsilon = 1e-5f};
  static constexpr tenon::attention_spec attention{.query_heads = 4, .kv_heads = 2, .head_dim = 16, .qkv_bias = tenon::bias::learned};
};

template <class Spec>
std::vector<float> logits(const std::string& path) {
  const auto model = tenon::load<tenon::decoder<Spec>>(tenon::open_weights(path), tenon::cpu{});
  tenon::sequence sequence(model, 64);
  std::vector<std::int32_t> tokens;
  for (std::int32_t i = 0; i < 40; ++i) tokens.push_back(i * i * 31 % 288);
  std::vector<float> out(tokens.size() * 288);
  sequence.read(tokens, tenon::view<float, 2>(out.data(), 40, 288));
  return out;
}

TEST_CASE_TEMPLATE("GGUF, one safetensors file and two shards give the same bits", Spec, llama_spec, qwen2_spec) {
  const tenon_test::temporary_folder folder;
  for (const tenon::storage kind : {tenon::storage::f32, tenon::storage::bf16}) {
    const random_model model({.architecture = std::is_same_v<Spec, llama_spec> ? "llama" : "qwen2", .kind = kind});
    model.write_gguf(folder / "model.gguf");
    model.write_folder(folder / "single");
    model.write_folder(folder / "sharded", 2);
    const auto expected = logits<Spec>(folder / "model.gguf");
    CHECK(std::abs(expected.front()) > 0);
    CHECK(logits<Spec>(folder / "single") == expected);
    CHECK(logits<Spec>(folder / "sharded") == expected);
  }
}

TEST_CASE("block fp8 and int8 weights give the logits of the floats they stand for") {
  const tenon_test::temporary_folder folder;
  const random_model model;
  model.write_folder(folder / "narrow");
  model.write_folder(folder / "wide");
  for (const tenon::storage kind : {tenon::storage::e4m3, tenon::storage::i8}) {
    CAPTURE(name(kind));
    const tenon_test::narrow_model changed(model, kind);
    tenon::write_safetensors(folder / "narrow/model.safetensors", changed.narrow);
    tenon::write_safetensors(folder / "wide/model.safetensors", changed.wide);
    const auto narrow = tenon::open_weights(folder / "narrow");
    CHECK(narrow.find("blk.1.ffn_down.weight")->matrix.kind == kind);
    const auto seen = logits<llama_spec>(folder / "narrow"), expected = logits<llama_spec>(folder / "wide");
    CHECK(tenon_test::relative_l2(seen, expected) < 1e-6);
  }
}

}  // namespace
