// expect: [pool] holds keys and values in the model's cache numbers; a layer here remembers more. Fix: sequence(model, capacity).
#include <tenon/model/attention/dynamic.hpp>
#include <tenon/runtime/paged_memory.hpp>

#include "../support/small_spec.hpp"

struct weighed : small_spec {
  static constexpr tenon::dynamic_spec dynamic{.threshold = 0.1f};
};
struct wrong : weighed {
  using blocks = tenon::stack<tenon::repeat<2, tenon::block<64, tenon::dynamic_attention<weighed>, tenon::gated_mlp<weighed>>>>;
};
void run(const tenon::model<tenon::decoder<wrong>, tenon::cpu>& model) {
  auto pool = tenon::pages_of(model, {.page_tokens = 16, .pages = 4});
  tenon::sequence sequence(model, pool);
}
