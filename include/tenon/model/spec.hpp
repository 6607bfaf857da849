#pragma once
// What a model builder writes: the numbers of a decoder, as named structural values.

#include <tenon/core/view.hpp>

namespace tenon {

/// Whether the output projection is the embedding table itself.
enum class head { tied, untied };
/// Whether a projection adds a learned vector.
enum class bias { none, learned };

/// The outline of a decoder-only transformer with pre-normalised residual blocks.
struct decoder_spec {
  index_t width = 0;                   ///< features of the residual stream
  index_t blocks = 0;                  ///< how many attention + feed-forward pairs
  index_t vocabulary = 0;              ///< rows of the embedding table
  head tied_head = head::untied;
  float epsilon = 0;                 ///< of every RMSNorm, in (0, 0.1]
};

/// Attention with grouped heads: query head h reads key-value head h * kv_heads / query_heads.
struct attention_spec {
  index_t query_heads = 0;
  index_t kv_heads = 0;                ///< divides query_heads
  index_t head_dim = 0;                ///< a multiple of 8, at most 576
  bias qkv_bias = bias::none;        ///< on the query, key and value projections (qwen2)
};

}  // namespace tenon
