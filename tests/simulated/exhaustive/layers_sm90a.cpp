// The layers of layers_dynamic.cpp on sm_90a, whose copy engine is told of caches by maps: across segments, of some heads; and of some keys, of bf16 and of int8.
#define TENON_TEST_ARCHS tenon::sm90a
#include "layers_dynamic.cpp"

#include <tenon/model/attention/gated_sparse.hpp>

namespace {

template <class Spec>
using gated_sparse = gated_sparse_attention<Spec>;
struct some_keys : layer_parts {
  static constexpr key_gate_spec key_gate{.threshold = 0.4f};
};

TEST_CASE("gates that drop some of the keys, of bf16 and of int8") {
  const auto nothing_after = [](const auto&, const auto&) {};
  check_layer<gated_sparse, some_keys>(23, 9, nothing_before, nothing_after);
  check_layer<gated_sparse, some_keys, in_int8_cache>(23, 9, nothing_before, nothing_after);
}

}  // namespace
