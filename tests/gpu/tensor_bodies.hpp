#pragma once
// The bodies of attention that sm_90a launches.

#include <tenon/kernels/launch/nvidia/attention_sm90a.hpp>

namespace tenon_test {

struct tensor_bodies {
  template <class Leaf, class Words, class Problem>
  using whole = tenon::attention_tensor_body<tenon::sm90a_schedule<Problem>, Leaf, Words, Problem>;
  template <class Leaf, class Words, class Problem>
  using split = tenon::attention_tensor_split_body<tenon::sm90a_schedule<Problem>, Leaf, Words, Problem>;
};

}  // namespace tenon_test
