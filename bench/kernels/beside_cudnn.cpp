// The attention of gpu_attention.cu by cuDNN: its fused kernels, by its header-only frontend, over the same memory in the same layouts. Compiled
// with frontend 1.32 against cuDNN 9.19 and 9.28; no GPU has run it.
#include <cudnn_frontend.h>

#include <cmath>
#include <memory>
#include <unordered_map>

#include <tenon/kernels/launch/nvidia/runtime.hpp>

#include "gpu_attention_work.hpp"
#include "owned.hpp"

namespace {

namespace fe = cudnn_frontend;
using work_on_nvidia = tenon_bench::attention_work<tenon::nvidia>;

void need(cudnnStatus_t status) {
  if (status != CUDNN_STATUS_SUCCESS) throw tenon::error("cuDNN failed: ", cudnnGetErrorString(status), ". Fix: its version must fit the CUDA toolkit.");
}
void need(fe::error_t status) {
  if (status.is_bad()) throw tenon::error("cuDNN's frontend failed: ", status.get_message(), ". Fix: a version of cuDNN, and a GPU, with fused attention.");
}

void measure_cudnn(benchmark::State& state, const tenon::nvidia& gpu, const work_on_nvidia& work) {
  const tenon_bench::owned<&cudnnCreate, &cudnnDestroy> handle([](cudnnStatus_t status) { need(status); });
  need(cudnnSetStream(handle, gpu.stream()));
  const std::int64_t heads = work.heads, dim = work.dim, queries = work.queries, keys = work.keys, kv_heads = work.kv_heads;
  const std::vector<std::int64_t> row_shape{1, heads, queries, dim}, row_stride{queries * heads * dim, dim, heads * dim, 1};
  const std::vector<std::int64_t> cache_shape{1, kv_heads, keys, dim}, cache_stride{kv_heads * keys * dim, keys * dim, dim, 1};
  fe::graph::Graph graph;
  graph.set_io_data_type(fe::DataType_t::BFLOAT16).set_intermediate_data_type(fe::DataType_t::FLOAT).set_compute_data_type(fe::DataType_t::FLOAT);
  const auto tensor = [&](const char* name, const auto& shape, const auto& stride) { return graph.tensor(fe::graph::Tensor_attributes().set_name(name).set_dim(shape).set_stride(stride)); };
  const auto q = tensor("q", row_shape, row_stride), k = tensor("k", cache_shape, cache_stride), v = tensor("v", cache_shape, cache_stride);
  auto options = fe::graph::SDPA_attributes().set_name("attention").set_generate_stats(false).set_attn_scale(1 / std::sqrt(static_cast<float>(dim)));
  if (work.causal()) options.set_diagonal_alignment(fe::DiagonalAlignment_t::TOP_LEFT).set_diagonal_band_right_bound(0);
  const auto out = graph.sdpa(q, k, v, options)[0];
  out->set_output(true).set_dim(row_shape).set_stride(row_stride);
  need(graph.build(handle, {fe::HeurMode_t::A}));
  std::int64_t bytes = 0;
  need(graph.get_workspace_size(bytes));
  const auto room = gpu.array<std::byte>(bytes > 0 ? bytes : 1);
  std::unordered_map<std::shared_ptr<fe::graph::Tensor_attributes>, void*> at{{q, work.q.data()}, {k, work.k.data()}, {v, work.v.data()}, {out, work.out.data()}};
  tenon_bench::measure(state, gpu, work.operations(), work.bytes(), [&] { need(graph.execute(handle, at, room.data())); });
}

void prefills(benchmark::State& state) {
  const tenon::nvidia gpu{0};
  measure_cudnn(state, gpu, tenon_bench::prompt(gpu, state));
}
void decodes(benchmark::State& state) {
  const tenon::nvidia gpu{0};
  measure_cudnn(state, gpu, tenon_bench::one_token(gpu, state));
}

const bool registered = (tenon_bench::register_attention("attention/causal/cudnn", prefills, "attention/decode/cudnn", decodes), true);

}  // namespace
