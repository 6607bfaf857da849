#pragma once
// Which tensors of a GGUF file have their rows permuted, and how.

#include <cstdint>
#include <string_view>

#include <tenon/core/view.hpp>
#include <tenon/model/weights/metadata.hpp>

namespace tenon::detail {

/// What the facts of a GGUF file say about the order of its rows.
struct gguf_row_order {
  bool permutes;   ///< whether q and k are stored for kernels that rotate neighbouring pairs, as in files of llama models
  index_t head_dim;  ///< rows per head; 0 where the facts do not say

  explicit gguf_row_order(const metadata& facts) : permutes(facts.text("general.architecture") == "llama"), head_dim(0) {
    if (!permutes) return;
    const std::int64_t heads = facts.integer("llama.attention.head_count").value_or(0), width = facts.integer("llama.embedding_length").value_or(0);
    head_dim = static_cast<index_t>(facts.integer("llama.attention.key_length").value_or(heads > 0 ? width / heads : 0));
  }
  /// Whether the rows of tensor `name`, weights or bias, are permuted.
  bool interleaves(std::string_view name) const {
    const std::string_view layer = name.substr(0, name.rfind('.'));
    return permutes && (layer.ends_with(".attn_q") || layer.ends_with(".attn_k"));
  }
  /// Whether `rows` are whole heads of an even size.
  bool fits(index_t rows) const { return head_dim >= 2 && head_dim % 2 == 0 && rows % head_dim == 0; }
};

/// The published row that row `i` of such a tensor holds: the inverse of what stored_matrix::row does.
constexpr index_t published_row(index_t i, index_t head_dim) {
  const index_t r = i % head_dim;
  return i - r + r / 2 + (r % 2) * (head_dim / 2);
}

}  // namespace tenon::detail
