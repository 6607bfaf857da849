#pragma once
// A small model whose layers skip work, and one that compresses what it has seen, on a processor and on a GPU: the same tokens leave out the same heads
// and keys, whether a prompt is read at once or token by token, as a recorded step is.

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include <tenon/model/attention/dynamic.hpp>
#include <tenon/model/attention/gated_sparse.hpp>
#include <tenon/model/attention/three_d.hpp>
#include <tenon/model/attention/tri.hpp>
#include <tenon/model/weights/gguf_writer.hpp>

#include "distance.hpp"
#include "random_model.hpp"
#include "tiny_models.hpp"

namespace tenon_test {

template <class Precision>
struct skipping : tiny_llama {
  static constexpr const char* name = "a model that skips";
  static constexpr tenon::decoder_spec shape{.width = 64, .blocks = 3, .vocabulary = 288, .tied_head = tenon::head::tied, .epsilon = 1e-5f};
  static constexpr Precision precision{};
  struct layer : tiny_llama {
    static constexpr Precision precision{};
    static constexpr tenon::dynamic_spec dynamic{.threshold = 0.5f};
    static constexpr tenon::key_gate_spec key_gate{.threshold = 0.5f};
    static constexpr tenon::segment_spec segments{.length = 4};
  };
  template <class Attention>
  using one = tenon::repeat<1, tenon::block<64, Attention, tenon::gated_mlp<layer>>>;
  using blocks = tenon::stack<one<tenon::dynamic_attention<layer>>, one<tenon::gated_sparse_attention<layer>>, one<tenon::tri_attention<layer>>>;
};
/// With a fourth block.
template <class Precision>
struct compressing : skipping<Precision> {
  static constexpr tenon::decoder_spec shape{.width = 64, .blocks = 4, .vocabulary = 288, .tied_head = tenon::head::tied, .epsilon = 1e-5f};
  using usual = skipping<Precision>;
  using layer = typename usual::layer;
  struct compressed : layer {
    static constexpr tenon::encoding_spec encoding{.terms = 2};
    static constexpr auto weighting = tenon::linear<tenon::elu_plus_one>{};
  };
  template <class Attention>
  using one = typename usual::template one<Attention>;
  using blocks = tenon::stack<one<tenon::dynamic_attention<layer>>, one<tenon::gated_sparse_attention<layer>>, one<tenon::tri_attention<layer>>,
                               one<tenon::three_d_attention<compressed>>>;
};
using skipping_in_fp32 = tenon::decoder<compressing<std::remove_const_t<decltype(tenon::full_precision)>>>;
using skipping_in_bf16 = tenon::decoder<compressing<std::remove_const_t<decltype(tenon::bf16_products)>>>;

enum class block_0 { weighs_heads, is_plain };

/// Random weights of bf16, gates that are hardly ever near their thresholds.
inline void write_skipping(const std::string& path, block_0 first = block_0::weighs_heads) {
  const tenon::index_t blocks = first == block_0::weighs_heads ? 4 : 3;  // what is compressed cannot be cut back
  const random_model plain({.kind = tenon::storage::bf16, .width = 64, .blocks = blocks, .query_heads = 2, .kv_heads = 1, .head_dim = 64, .hidden = 96, .theta = 1e5, .sharpness = 1});
  std::vector<tenon::stored_tensor> tensors;
  for (const tenon::stored_tensor& t : plain.tensors())
    if (!t.name.starts_with("blk.2.attn_") || t.name == "blk.2.attn_norm.weight") tensors.push_back(t);
  std::deque<std::vector<float>> made;
  std::mt19937 random(3);
  const auto add = [&](const std::string& name, tenon::index_t rows, tenon::index_t columns, float spread) {
    std::normal_distribution<float> normal(0, spread);
    auto& values = made.emplace_back(static_cast<std::size_t>(rows * columns));
    for (float& x : values) x = static_cast<float>(tenon::bf16(normal(random)));
    tensors.push_back({.name = name,
                       .matrix = {.kind = tenon::storage::f32, .rows = rows, .columns = columns, .bytes = reinterpret_cast<const std::byte*>(values.data())},
                       .shape = columns == 1 ? std::vector<tenon::index_t>{rows} : std::vector<tenon::index_t>{rows, columns}});
  };
  if (first == block_0::weighs_heads) {
    add("blk.0.attn_head_weights_up.weight", 128, 64, 0.5f), add("blk.0.attn_head_weights_up.bias", 128, 1, 0.5f);
    add("blk.0.attn_head_weights.weight", 2, 128, 0.5f), add("blk.0.attn_head_weights.bias", 2, 1, 0.1f);
  }
  add("blk.1.attn_key_gate.weight", 1, 64, 1), add("blk.1.attn_key_gate.bias", 1, 1, 0.1f);
  for (const std::string part : {"blk.2.spatial", "blk.2.temporal"})
    add(part + "_q.weight", 128, 64, 0.12f), add(part + "_k.weight", 64, 64, 0.12f), add(part + "_v.weight", 64, 64, 0.12f), add(part + "_output.weight", 64, 128, 0.1f);
  add("blk.2.channel.weight", 64, 64, 0.1f), add("blk.2.channel.bias", 64, 1, 0.1f);
  if (blocks > 3) add("blk.3.attn_position_cos.weight", 4, 1, 0.5f), add("blk.3.attn_position_sin.weight", 4, 1, 0.5f);
  tenon::write_gguf(path, plain.facts(), tensors);
}

/// `machine`: what load takes.
template <class Machine>
void check_skipping(const Machine& machine, const std::string& path, std::size_t tokens) {
  std::vector<std::int32_t> text;
  for (std::uint32_t i = 0; i < tokens; ++i) text.push_back(static_cast<std::int32_t>((i * 2654435761u >> 7) % 288));
  const auto host = tenon::load<skipping_in_fp32>(path, tenon::cpu());
  const auto model = tenon::load<skipping_in_bf16>(path, machine);
  const auto count = static_cast<tenon::index_t>(tokens);
  tenon::sequence exact(host, count);
  tenon::sequence whole(model, count), stepping(model, count);
  const auto logits = [](std::span<const float> from) { return std::vector<float>(from.begin(), from.end()); };
  const auto want = logits(exact.read(text));
  CHECK(relative_l2(logits(whole.read(text)), want) <= 2e-2);
  std::vector<float> last;
  for (const std::int32_t token : text) last = logits(stepping.read({&token, 1}));
  CHECK(relative_l2(last, want) <= 2e-2);
  const tenon::skipped_work counted = exact.skipped();
  CHECK((counted.heads_skipped > 3 && counted.heads_skipped < counted.heads - 3));
  CHECK((counted.keys_skipped > 3 && counted.keys_skipped < counted.keys - 3));
  for (const tenon::skipped_work& of : {whole.skipped(), stepping.skipped()}) {
    CHECK((of.heads == counted.heads && of.heads_skipped == counted.heads_skipped));
    CHECK((of.keys == counted.keys && of.keys_skipped == counted.keys_skipped));
  }
}

}  // namespace tenon_test
