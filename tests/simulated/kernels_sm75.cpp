// The kernels of sm_75, executed: attention and products of f16, whose copies go through registers (attention_runs.hpp, matmul_runs.hpp).
#include "attention_runs.hpp"
#include "matmul_runs.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

template <class Mask, int Dim, int Group = 1, class Out = f16>
using of_f16 = attention_problem<Mask, scaled, Dim, Group, softmax, Out, f16>;

TEST_CASE("attention") {
  for (const attention_sizes s : {attention_sizes{1, 1, 1, 1, 1}, {2, 2, 1, 33, 65}, {1, 1, 1, 130, 200}}) check_attention<sm75, of_f16<causal, 64>>({s, {}});
  check_attention<sm75, of_f16<decltype(causal{} & window{.width = 1}), 128, 1, float>>({{1, 1, 1, 70, 150}, causal{} & window{.width = 40}});
  check_attention<sm75, of_f16<causal, 64, 4>>({{1, 4, 1, 20, 90}, {}});
}

TEST_CASE("products, the depth of each ragged") {
  check_matmul<sm75, product_of<f16, float>>(33, 40, 71, true, 3);
  check_matmul<sm75, product_of<f16, f16>>(70, 131, 299, true);
 }

}  // namespace
