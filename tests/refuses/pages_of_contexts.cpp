// expect: [pool] holds keys and values in the model's cache numbers; a layer here remembers other things. Fix: sequence(model, capacity).
#include <tenon/model/attention/cross.hpp>
#include <tenon/runtime/paged_memory.hpp>

#include "../support/small_spec.hpp"

struct reading : small_spec {
  static constexpr tenon::context_spec context{.width = 64, .most_tokens = 8};
};
struct wrong : reading {
  using blocks = tenon::stack<tenon::repeat<2, tenon::block<64, tenon::cross_attention<reading>, tenon::gated_mlp<reading>>>>;
};
void run(const tenon::model<tenon::decoder<wrong>, tenon::cpu>& model) {
  auto pool = tenon::pages_of(model, {.page_tokens = 16, .pages = 4});
  tenon::sequence sequence(model, pool);
}
