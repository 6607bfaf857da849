#pragma once
// Products by tenon on a GPU.

#include <tenon/kernels/launch/gpu/matmul.hpp>

#include "gpu_limits.hpp"
#include "gpu_matmul_work.hpp"

namespace tenon_bench {

struct to_bf16 {
  using out = tenon::bf16;
};

template <class Device>
void products(benchmark::State& state) {
  with_arch(Device{0}, [&](const auto& gpu) {
    using machine = std::decay_t<decltype(gpu)>;
    using words = typename tenon::words_of<typename machine::arch>::template matmul<typename machine::leaf>;
    const matmul_work<machine> with(gpu, state);
    tenon::matmul_arguments<to_bf16> a{};
    a.x = with.x.data(), a.w = with.w.data(), a.out = with.out.data(), a.tokens = with.tokens, a.rows = with.rows, a.depth = with.depth;
    a.x_stride = a.w_stride = with.depth, a.out_stride = a.residual_stride = with.rows;
    const auto body = tenon::product_on<words>(gpu, a);
    measure(state, gpu, with.operations(), with.bytes(), [&] {
      gpu.launch({(with.rows + words::block_rows - 1) / words::block_rows, (with.tokens + words::block_tokens - 1) / words::block_tokens, 1}, {words::threads}, words::shared_bytes, body);
    });
  });
}

template <class Device>
int run_matmul(int count, char** words) {
  register_matmul("matmul/tenon", products<Device>);
  return run<Device>(count, words);
}

}  // namespace tenon_bench
