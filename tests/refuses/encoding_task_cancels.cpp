// expect: [encoding.task] is the same for all keys of a query: softmax cancels it. Fix: weighting = sigmoid{...}, or no task.
#include <tenon/model/attention/three_d.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {
  static constexpr tenon::encoding_spec encoding{.terms = 8, .task = tenon::task_encoding::learned};
  static constexpr auto weighting = tenon::softmax{};
};
static_assert(!tenon::layer<tenon::three_d_attention<wrong>> || tenon::block<48, tenon::three_d_attention<wrong>>::layers == 1);
