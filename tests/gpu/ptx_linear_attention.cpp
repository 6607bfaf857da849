// The kernels of linear attention for sm_80, as the PTX that nvcc makes of them, executed and compared with the reference in double.
#include "ptx_launch.hpp"

#include <tenon/kernels/launch/nvidia/linear_attention.hpp>

#include "../support/gpu_linear_case.hpp"
#include "linear_attention_problems.hpp"

namespace {

using namespace tenon_test;
using tenon::testing::linear_sizes;

ptx::Module& module() {
  static ptx::Module loaded = ptx::load(TENON_TEST_PTX);
  return loaded;
}

template <class T>
using buffer = ptx::Buffer<T>;

template <class P>
struct problem : tenon::testing::gpu_linear_case<P, buffer> {
  using base = tenon::testing::gpu_linear_case<P, buffer>;
  using base::base, base::of;
  using words = tenon::nvidia_linear_attention<absent_leaf, P>;

  void chunks(const std::string& name, const tenon::linear_attention_arguments<P>& a, const ptx::Options& way) {
    launch_clean(module(), "chunks_" + name, {static_cast<unsigned>(of.heads), static_cast<unsigned>(of.batch), 1}, words::threads, ptx::Args(a), words::shared_bytes, way);
  }
  void step(const std::string& name, const tenon::linear_attention_arguments<P>& a, const ptx::Options& way) {
    launch_clean(module(), "step_" + name, {static_cast<unsigned>(of.kv_heads), static_cast<unsigned>(of.batch), 1}, P::dim + 32, ptx::Args(a), tenon::linear_attention_step_bytes<P>(), way);
  }
  /// A prompt, then `steps` tokens from the state that it left.
  void check(const std::string& name, int steps) {
    CAPTURE(name);
    CAPTURE(of.keys);
    for (const ptx::Options& way : ptx_ways()) {
      this->spoil();
      chunks(name, this->arguments(0, of.keys - steps, of.queries - steps, false, true), way);
      for (int token = of.keys - steps; token < of.keys; ++token) step(name, this->arguments(token, 1, 1, true, true), way);
      CHECK(this->distance() <= 4e-3);
    }
  }
};

TEST_CASE("prompts in chunks, then token by token") {
  for (const linear_sizes s : {linear_sizes{1, 1, 1, 64, 64}, {2, 2, 2, 70, 150}, {1, 1, 1, 7, 9}}) {
    problem<linear_causal_64>(s, {}).check("linear_causal_64", 3);
    problem<linear_causal_128>(s, {}).check("linear_causal_128", 3);
  }
  ptx::Buffer<std::int32_t> lengths(2, "lengths");
  lengths[0] = 100, lengths[1] = 37;
  problem<linear_padded_64>({2, 4, 2, 40, 100}, {lengths.data()}).check("linear_padded_64", 0);
}

}  // namespace
