// One model from GGUF and from safetensors gives equal logits, and narrow weights with scales mean what their floats mean.

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include <tenon/model/load.hpp>
#include <tenon/model/weights/open.hpp>

#include "../support/distance.hpp"
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

// The matrices of the blocks as F8_E4M3 with one scale per 128 x 128, or as I8 with one scale per row; and what they then mean, as F32.
struct narrow_model {
  narrow_model(const random_model& model, tenon::storage kind) {
    for (const tenon::stored_tensor& t : model.tensors()) {
      narrow.push_back(t), wide.push_back(t);
      if (t.shape.size() != 2 || !t.name.starts_with("blk.")) continue;
      const bool tiles = kind == tenon::storage::e4m3;
      const tenon::index_t rows = t.matrix.rows, columns = t.matrix.columns;
      std::vector<float> row(static_cast<std::size_t>(columns));
      std::vector<float>& scales = floats.emplace_back();
      std::vector<std::byte>& quanta = bytes.emplace_back();
      float largest = 0;
      for (tenon::index_t r = 0; r < rows; ++r) {
        t.matrix.decode_row(r, row.data());
        if (!tiles) largest = 0;
        for (const float x : row) largest = std::max(largest, std::abs(x));
        if (!tiles) scales.push_back(largest / 127);
      }
      if (tiles) scales.push_back(largest / 448);
      for (tenon::index_t r = 0; r < rows; ++r) {
        t.matrix.decode_row(r, row.data());
        for (const float x : row) {
          const float q = x / scales[tiles ? 0 : static_cast<std::size_t>(r)];
          quanta.push_back(tiles ? static_cast<std::byte>(tenon::e4m3(q).bits) : static_cast<std::byte>(static_cast<std::int8_t>(std::round(q))));
        }
      }
      tenon::stored_matrix& m = narrow.back().matrix;
      m = {.kind = kind, .rows = rows, .columns = columns, .bytes = quanta.data(), .scales = scales.data(), .scale_rows = tiles ? 128 : 1, .scale_columns = tiles ? 128 : columns};
      std::vector<float>& meaning = floats.emplace_back(static_cast<std::size_t>(rows * columns));
      for (tenon::index_t r = 0; r < rows; ++r) m.decode_row(r, meaning.data() + r * columns);
      wide.back().matrix.bytes = reinterpret_cast<const std::byte*>(meaning.data());
    }
  }
  std::deque<std::vector<float>> floats;
  std::deque<std::vector<std::byte>> bytes;
  std::vector<tenon::stored_tensor> narrow, wide;
};

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
    const narrow_model changed(model, kind);
    tenon::write_safetensors(folder / "narrow/model.safetensors", changed.narrow);
    tenon::write_safetensors(folder / "wide/model.safetensors", changed.wide);
    const auto narrow = tenon::open_weights(folder / "narrow");
    CHECK(narrow.find("blk.1.ffn_down.weight")->matrix.kind == kind);
    const auto seen = logits<llama_spec>(folder / "narrow"), expected = logits<llama_spec>(folder / "wide");
    CHECK(tenon_test::relative_l2(seen, expected) < 1e-6);
  }
}

}  // namespace
