// expect: [pool] holds keys and values in the model's cache numbers; a layer here remembers other things. Fix: sequence(model, capacity).
#include <tenon/kernels/launch/simulated_gpus.hpp>
#include <tenon/model/attention/gated_sparse.hpp>
#include <tenon/runtime/paged_memory.hpp>

#include "../support/small_spec.hpp"

struct gated : small_spec {
  static constexpr tenon::attention_spec attention{.query_heads = 2, .kv_heads = 1, .head_dim = 64};
  static constexpr tenon::key_gate_spec key_gate{.threshold = 0.1f};
  static constexpr auto precision = tenon::bf16_products;
};
struct wrong : gated {
  using blocks = tenon::stack<tenon::repeat<2, tenon::block<64, tenon::gated_sparse_attention<gated>, tenon::gated_mlp<gated>>>>;
};
void run(const tenon::model<tenon::decoder<wrong>, tenon::simulated<tenon::sm80>>& model) {  // a GPU decides and counts by itself how many keys stay
  auto pool = tenon::pages_of(model, {.page_tokens = 128, .pages = 4});
  tenon::sequence sequence(model, pool);
}
