// expect: [pool] holds keys and values in the model's cache numbers; a layer here remembers other things. Fix: sequence(model, capacity).
#include <tenon/model/attention/gated_sparse.hpp>
#include <tenon/runtime/paged_memory.hpp>

#include "../support/small_spec.hpp"

struct gated : small_spec {
  static constexpr tenon::key_gate_spec key_gate{.threshold = 0.1f};
};
struct wrong : gated {
  using blocks = tenon::stack<tenon::repeat<2, tenon::block<64, tenon::gated_sparse_attention<gated>, tenon::gated_mlp<gated>>>>;
};
void run(const tenon::model<tenon::decoder<wrong>, tenon::cpu>& model) {
  auto pool = tenon::pages_of(model, {.page_tokens = 16, .pages = 4});
  tenon::sequence sequence(model, pool);
}
