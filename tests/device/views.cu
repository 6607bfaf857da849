// attend over arrays of the host on nvidia{0}, of any generation that kernels are written for: on a real GPU, else skipped; linked with
// fake_cuda.cpp instead of CUDA's runtime, executed as PTX on the processor.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <random>
#include <vector>

#include <tenon/kernels/launch/nvidia/machine.hpp>
#include <tenon/kernels/reference/attention.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>

#include "../support/distance.hpp"

namespace {

using namespace tenon;

TEST_CASE("attend over arrays of the host is the reference") {
  constexpr index_t queries = 70, keys = 150, heads = 4, kv_heads = 2, dim = 64;
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> q(queries * heads * dim), k(keys * kv_heads * dim), v(k.size()), out(q.size());
  for (auto* all : {&q, &k, &v})
    for (float& x : *all) x = normal(random);
  attend(nvidia{0}, view<const float, 4>(q.data(), 1, queries, heads, dim), view<const float, 4>(k.data(), 1, keys, kv_heads, dim), view<const float, 4>(v.data(), 1, keys, kv_heads, dim),
         view<float, 4>(out.data(), 1, queries, heads, dim), causal{});
  std::vector<double> want(out.size());
  reference::attend(view<const float, 3>(q.data(), queries, heads, dim), view<const float, 3>(k.data(), keys, kv_heads, dim), view<const float, 3>(v.data(), keys, kv_heads, dim),
                    view<double, 3>(want.data(), queries, heads, dim), causal{}, scaled{});
  CHECK(tenon_test::relative_l2(out, std::vector<float>(want.begin(), want.end())) <= 1e-2);  // operands are rounded too
}

}  // namespace

using device = tenon::nvidia;
#include "device_main.hpp"
