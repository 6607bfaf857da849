// Attention layers that do more than attend, inside whole models: with their gates wide open the model is the plain one; with gates
// that shut, what was skipped is told.
#include <tenon/model/attention/dynamic.hpp>
#include <tenon/model/attention/gated_sparse.hpp>
#include <tenon/model/attention/three_d.hpp>
#include <tenon/model/weights/gguf_writer.hpp>
#include <tenon/runtime/paged_memory.hpp>

#include "../../support/layer_runs.hpp"
#include "../../support/temporary_folder.hpp"
#include "../../support/tiny_checks.hpp"

using namespace tenon_test;
using tenon::index_t;

namespace {

// Block 0 weighs its heads, block 1 its keys.
struct gated_llama : tiny_llama {
  [[maybe_unused]] static constexpr const char* name = "tiny llama with gates";
  template <class Attention>
  using one = tenon::repeat<1, tenon::block<64, Attention, tenon::gated_mlp<tiny_llama>>>;
  struct layers : tiny_llama {
    static constexpr tenon::dynamic_spec dynamic{.threshold = 0.5f};
    static constexpr tenon::key_gate_spec key_gate{.threshold = 0.5f};
  };
  using blocks = tenon::stack<one<tenon::dynamic_attention<layers>>, one<tenon::gated_sparse_attention<layers>>>;
};
using gated = tenon::decoder<gated_llama>;
static_assert(gated::parameters == tenon::decoder<tiny_llama>::parameters + (128 * 64 + 128 + 2 * 128 + 2) + (64 + 1));

// The tiny llama's file with more parameters: `more(add)` calls add(name, rows, columns, spread, around).
template <class More>
void write_tiny(const std::string& path, const More& more) {
  const auto plain = tenon::weights_file::open(tiny_file("llama.gguf"));
  std::vector<tenon::stored_tensor> tensors(plain.tensors().begin(), plain.tensors().end());
  std::deque<std::vector<float>> made;
  const auto add = [&](const char* name, index_t rows, index_t columns, float spread, float around) {
    made.push_back(random_floats(rows * columns, static_cast<unsigned>(made.size()) + 1, spread));
    for (float& x : made.back()) x += around;
    tensors.push_back({.name = name,
                       .matrix = {.kind = tenon::storage::f32, .rows = rows, .columns = columns, .bytes = reinterpret_cast<const std::byte*>(made.back().data())},
                       .shape = columns == 1 ? std::vector<index_t>{rows} : std::vector<index_t>{rows, columns}});
  };
  more(add);
  tenon::write_gguf(path, plain.facts(), tensors);
}
template <class Add>
void add_head_weights(const Add& add, float bias) {
  add("blk.0.attn_head_weights_up.weight", 128, 64, 0.3f, 0);
  add("blk.0.attn_head_weights_up.bias", 128, 1, 0.3f, 0);
  add("blk.0.attn_head_weights.weight", 2, 128, 0.1f, 0);
  add("blk.0.attn_head_weights.bias", 2, 1, 0, bias);
}
void write_gated(const std::string& path, float bias) {
  write_tiny(path, [&](const auto& add) {
    add_head_weights(add, bias);
    add("blk.1.attn_key_gate.weight", 1, 64, 0.3f, 0);
    add("blk.1.attn_key_gate.bias", 1, 1, 0, bias);
  });
}

// Block 0 weighs its heads, block 1 attends linearly: both remember what is not in pages.
struct summing_llama : tiny_llama {
  [[maybe_unused]] static constexpr const char* name = "tiny llama that sums up";
  struct layers : tiny_llama {
    static constexpr tenon::dynamic_spec dynamic{.threshold = 0.5f};
    static constexpr tenon::encoding_spec encoding{.terms = 2};
    static constexpr auto weighting = tenon::linear{.features = tenon::elu_plus_one{}};
  };
  using blocks = tenon::stack<gated_llama::one<tenon::dynamic_attention<layers>>, gated_llama::one<tenon::three_d_attention<layers>>>;
};

}  // namespace

TEST_CASE("layers that sum up over tokens: in pages as in memory of their own, a fork takes the sums along") {
  const temporary_folder folder;
  write_tiny(folder / "sums.gguf", [](const auto& add) {
    add_head_weights(add, 0);
    add("blk.1.attn_position_cos.weight", 4, 1, 0.5f, 0);
    add("blk.1.attn_position_sin.weight", 4, 1, 0.5f, 0);
  });
  const auto model = tenon::load<tenon::decoder<summing_llama>>(folder / "sums.gguf", tenon::cpu());
  const auto text = random_tokens(90);
  const std::span<const std::int32_t> all = text;
  const auto read = [&](auto& sequence, std::size_t first, std::size_t count) {
    const auto logits = sequence.read(all.subspan(first, count));
    return std::vector<float>(logits.begin(), logits.end());
  };
  auto pool = tenon::pages_of(model, {.page_tokens = 16, .pages = 12});
  CHECK(pool.layers() == 1);
  tenon::sequence first(model, pool);
  tenon::sequence own(model, 90), other(model, 90);
  CHECK(read(first, 0, 40) == read(own, 0, 40));
  auto second = first.fork();
  CHECK(pool.free_pages() == 9);
  read(other, 0, 40);
  CHECK(read(first, 40, 30) == read(own, 40, 30));
  CHECK(read(second, 70, 20) == read(other, 70, 20));
  CHECK((second.skipped().heads_skipped == other.skipped().heads_skipped && other.skipped().heads == 2 * 60));
  auto cut = first.fork(20);
  CHECK_THROWS_AS(read(cut, 20, 5), tenon::error);  // what was summed cannot be taken out again
  CHECK(cut.length() == 20);
  cut.truncate(0);
  tenon::sequence fresh(model, 90);
  CHECK(read(cut, 0, 30) == read(fresh, 0, 30));
}

TEST_CASE("gates wide open: the plain model; shut in part: what was skipped is told") {
  const temporary_folder folder;
  const auto plain = tenon::load<tenon::decoder<tiny_llama>>(tiny_file("llama.gguf"), tenon::cpu());
  const auto text = random_tokens(90);

  write_gated(folder / "open.gguf", 30);
  const auto open = tenon::load<gated>(folder / "open.gguf", tenon::cpu());
  CHECK(relative_l2(all_logits(open, text, 90), all_logits(plain, text, 90)) < 1e-6);
  tenon::sequence wide(open, 90);
  wide.read(text);
  const tenon::skipped_work none = wide.skipped();
  CHECK((none.heads == 2 * 90 && none.heads_skipped == 0 && none.keys == 90 && none.keys_skipped == 0 && none.cache_bytes_saved == 0));

  write_gated(folder / "shut.gguf", 0);
  const auto shut = tenon::load<gated>(folder / "shut.gguf", tenon::cpu());
  CHECK(relative_l2(all_logits(shut, text, 7), all_logits(shut, text, 90)) < 1e-5);
  CHECK(relative_l2(all_logits(shut, text, 90), all_logits(plain, text, 90)) > 1e-3);
  tenon::sequence narrow(shut, 90), by_token(shut, 90);
  narrow.read(text);
  for (const std::int32_t token : text) by_token.read({&token, 1});
  const tenon::skipped_work some = narrow.skipped(), again = by_token.skipped();
  CHECK((some.heads == 2 * 90 && some.heads_skipped > 5 && some.heads_skipped < 175));
  CHECK((some.keys == 90 && some.keys_skipped > 5 && some.keys_skipped < 85));
  CHECK(some.cache_bytes_saved == static_cast<std::size_t>(some.keys_skipped) * 2 * 64 * sizeof(float));
  CHECK((again.heads_skipped == some.heads_skipped && again.keys_skipped == some.keys_skipped));

  tenon::sequence usual(plain, 8);
  usual.read(std::vector<std::int32_t>{1, 2, 3});
  CHECK(usual.skipped().heads == 0);
}
