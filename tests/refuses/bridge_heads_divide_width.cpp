// expect: [bridge.heads] must cut bridge.width into heads of a multiple of 8, at most 576. Fix: 8 heads of 16 make the usual 128.
#include <tenon/model/attention/bridge.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::context_spec context{.width = 40, .most_tokens = 9};
  static constexpr tenon::bridge_spec bridge{.heads = 6};
};
static_assert(!tenon::layer<tenon::bridge<wrong>> || tenon::block<48, tenon::bridge<wrong>>::layers == 1);
