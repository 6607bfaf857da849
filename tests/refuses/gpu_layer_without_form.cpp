// expect: [blocks] of a model on a GPU has a layer without a form for it: it works in the memory of the host. Fix: cpu{}, or another layer.
#include <tenon/kernels/launch/simulated_gpus.hpp>
#include <tenon/model/load.hpp>

#include "../support/small_spec.hpp"

struct on_gpu : small_spec {
  static constexpr tenon::attention_spec attention{.query_heads = 2, .kv_heads = 1, .head_dim = 64};
  static constexpr auto precision = tenon::bf16_products;
};
struct looks_into_memory : tenon::gated_mlp<on_gpu> {
  template <class Machine>
  static constexpr bool runs_on = tenon::host_machine<Machine>;
};
struct wrong : on_gpu {
  using blocks = tenon::stack<tenon::repeat<2, tenon::block<64, tenon::grouped_attention<on_gpu>, looks_into_memory>>>;
};
void run(const tenon::model<tenon::decoder<wrong>, tenon::simulated<tenon::sm80>>& model) {
  tenon::sequence sequence(model, 64);
  sequence.read(std::vector<std::int32_t>{1, 2, 3});
}
