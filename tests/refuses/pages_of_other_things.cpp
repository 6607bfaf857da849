// expect: [pool] holds keys and values in the model's cache numbers; a layer here remembers other things. Fix: sequence(model, capacity).
#include <tenon/runtime/paged_memory.hpp>

#include "../support/small_spec.hpp"

struct counting : tenon::gated_mlp<small_spec> {  // a layer of a user's own that counts tokens, and does not say how a fork goes on
  struct count {
    tenon::index_t seen = 0;
  };
  template <class Machine>
  using state = count;
  template <class Machine>
  static count open_state(const Machine&, std::byte*, tenon::index_t) {
    return {};
  }
  template <class Machine>
  static void forward(const tenon::pass<Machine>& now, const weights& w, count& own, tenon::view<const float, 2> in, tenon::view<float, 2> stream) {
    own.seen += now.tokens;
    tenon::no_state none;
    tenon::gated_mlp<small_spec>::forward(now, w, none, in, stream);
  }
};
struct wrong : small_spec {
  using blocks = tenon::stack<tenon::repeat<2, tenon::block<64, tenon::grouped_attention<small_spec>, counting>>>;
};
void run(const tenon::model<tenon::decoder<wrong>, tenon::cpu>& model) {
  auto pool = tenon::pages_of(model, {.page_tokens = 16, .pages = 4});
  tenon::sequence sequence(model, pool);
}
