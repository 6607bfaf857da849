// attend over arrays of the host, and matmul, on nvidia{0}, of any generation that kernels are written for: on a real GPU, else skipped; linked with
// fake_cuda.cpp instead of CUDA's runtime, executed as PTX on the processor.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include <tenon/kernels/launch/nvidia/machine.hpp>
#include <tenon/kernels/launch/gpu/products.hpp>
#include <tenon/kernels/reference/attention.hpp>
#include <tenon/kernels/reference/matmul.hpp>
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

TEST_CASE("products, of few tokens and of many, are the reference: floats, and whole numbers where the machine multiplies them") {
  constexpr index_t rows = 40, depth = 96;
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  std::vector<float> floats(rows * depth), scales(rows);
  std::vector<std::int8_t> whole(floats.size());
  for (float& x : floats) x = normal(random);
  for (std::int8_t& x : whole) x = static_cast<std::int8_t>(30 * normal(random));
  for (float& x : scales) x = 0.01f + 0.001f * std::abs(normal(random));
  const stored_matrix stored[] = {{.rows = rows, .columns = depth, .bytes = reinterpret_cast<const std::byte*>(floats.data())},
                                  {.kind = storage::i8, .rows = rows, .columns = depth, .bytes = reinterpret_cast<const std::byte*>(whole.data()), .scales = scales.data(), .scale_rows = 1, .scale_columns = depth}};
  with_arch<gpu_targets<cuda_runtime>::archs_of_parts>(nvidia{0}, [&](const auto& machine) {
    for (const index_t tokens : {index_t{3}, index_t{20}})
      for (const stored_matrix& w : stored) {
        const auto on_machine = [&](std::size_t bytes) { return allocate(machine, bytes, "memory of a test"); };
        const auto packed = on_machine(packed_bytes(machine, w.kind, compute::int8, rows, depth)), scratch = on_machine(matmul_scratch(machine, tokens, depth));
        const auto x = on_machine(static_cast<std::size_t>(tokens * depth) * sizeof(float)), out = on_machine(static_cast<std::size_t>(tokens * rows) * sizeof(float));
        const view<float, 2> in(reinterpret_cast<float*>(x.data()), tokens, depth), to(reinterpret_cast<float*>(out.data()), tokens, rows);
        for (index_t i = 0; i < tokens * depth; ++i) in.data[i] = normal(random);
        const product one[] = {{.weights = pack(machine, w, compute::int8, packed.data()), .out = to}};
        matmul<set_of(form::plain) | set_of(form::int8)>(machine, view<const float, 2>(in.data, tokens, depth), one, scratch.data());
        await(machine);
        std::vector<double> want(static_cast<std::size_t>(tokens * rows)), token(depth);
        std::vector<float> row(depth);
        reference::matmul(view<const float, 2>(in.data, tokens, depth), w, compute::fp32, nullptr, view<double, 2>(want.data(), tokens, rows), row.data(), token.data());
        CHECK(tenon_test::relative_l2(std::vector<float>(to.data, to.data + tokens * rows), std::vector<float>(want.begin(), want.end())) <= 2e-2);
      }
  });
}

}  // namespace

using device = tenon::nvidia;
#include "device_main.hpp"
