#pragma once
// What a model builder writes for the attention layers that do more than attend.

#include <tenon/core/view.hpp>

namespace tenon {

/// What an output gate opens: `static constexpr auto output_gate = gate_per::head;`
enum class gate_per { head, element };

/// How dynamic attention makes a head's weight of its logit g.
enum class head_weights {
  sigmoid,  ///< sigma(g)
  softmax   ///< H softmax(g), H the heads
};
/// Of which tokens dynamic attention takes the mean that it decides by.
enum class decides_by {
  tokens_seen,  ///< one decision per token, by the mean of all tokens up to it
  whole_block   ///< one decision per block of tokens, by its mean: for models whose mask hides nothing to come
};

/// Dynamic attention: `static constexpr dynamic_spec dynamic{.threshold = 0.1f};`
struct dynamic_spec {
  float threshold = 0;                          ///< in [0, 1]: a head that weighs less is not computed
  head_weights weights = head_weights::sigmoid;
  decides_by mean = decides_by::tokens_seen;
  float temperature = 0.1f;                     ///< of the surrogate sigma((weight - threshold) / temperature) in training, > 0
  float penalty = 0;                            ///< in training, penalty / 2 times the squares of the generator's matrices joins the loss; >= 0
};

/// Gated sparse attention: `static constexpr key_gate_spec key_gate{.threshold = 0.05f};`
struct key_gate_spec {
  float threshold = 0;       ///< in [0, 1]: a key with a lower gate is neither stored nor attended
  float temperature = 0.1f;  ///< of the surrogate in training, > 0
};

/// Whether 3D attention adds q . e_task / sqrt(d) to every score of a query.
enum class task_encoding { none, learned };

/// 3D attention: `static constexpr encoding_spec encoding{.terms = 8};`. Under `weighting = linear{...}` it takes its compressed form.
struct encoding_spec {
  int terms = 0;                            ///< of the Fourier series of the distance, at least 1
  float first = 1, ratio = 0.5f;            ///< the frequencies first ratio^f, in radians per position
  task_encoding task = task_encoding::none;
  float floor = 1;                          ///< compressed: of the weight, beside what keeps it from being negative; > 0
};

/// The second input of cross-modal attention and of the bridge.
struct context_spec {
  index_t width = 0;        ///< of its tokens
  index_t most_tokens = 0;  ///< that one sequence looks at
  float temperature = 1;  ///< divides the logits, > 0
};

/// The bridge between modalities: `static constexpr bridge_spec bridge{};`
struct bridge_spec {
  index_t width = 128;  ///< both inputs are projected to it
  index_t heads = 8;    ///< divides width
};

/// Tri-attention: `static constexpr segment_spec segments{.length = 16};`
struct segment_spec {
  index_t length = 0;  ///< tokens of a segment, at least 1
};

}  // namespace tenon
