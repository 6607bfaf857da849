#pragma once
// Which tensors of a GGUF file have their rows permuted, and how.

#include <cstdint>
#include <string_view>

#include <tenon/core/view.hpp>
#include <tenon/model/weights/metadata.hpp>

namespace tenon::detail {

/// Whether converters store the rows of tensor `name` for kernels that rotate neighbouring pairs: q and k of llama models.
inline bool gguf_interleaves(const metadata& facts, std::string_view name) {
  const std::string_view layer = name.substr(0, name.rfind('.'));
  return (layer.ends_with(".attn_q") || layer.ends_with(".attn_k")) && facts.text("general.architecture") == "llama";
}

/// The rows per head of a llama model; 0 where the facts do not say.
inline index gguf_head_dim(const metadata& facts) {
  const std::int64_t heads = facts.integer("llama.attention.head_count").value_or(0), width = facts.integer("llama.embedding_length").value_or(0);
  return static_cast<index>(facts.integer("llama.attention.key_length").value_or(heads > 0 ? width / heads : 0));
}

/// The published row that row `i` of such a tensor holds: the inverse of what stored_matrix::row does.
constexpr index published_row(index i, index head_dim) {
  const index r = i % head_dim;
  return i - r + r / 2 + (r % 2) * (head_dim / 2);
}

}  // namespace tenon::detail
