// expect: [features] on GPUs look at one number at a time, by a member value(x). Fix: elu_plus_one, relu_features, or a processor.
#include <tenon/kernels/launch/simulated_gpus.hpp>
#include <tenon/model/attention/three_d.hpp>
#include <tenon/model/load.hpp>

#include "../support/small_spec.hpp"

inline constexpr float directions[64 * 32] = {};
struct on_gpu : small_spec {
  static constexpr tenon::encoding_spec encoding{.terms = 2};
  static constexpr auto weighting = tenon::linear{.features = tenon::random_exponentials{.directions = directions, .size = 32}};
  static constexpr auto precision = tenon::bf16_products;
};
struct wrong : on_gpu {
  using blocks = tenon::stack<tenon::repeat<2, tenon::block<64, tenon::three_d_attention<on_gpu>, tenon::gated_mlp<on_gpu>>>>;
};
void run(const tenon::model<tenon::decoder<wrong>, tenon::simulated<tenon::sm80>>& model) {
  tenon::sequence sequence(model, 64);
  sequence.read(std::vector<std::int32_t>{1, 2, 3});
}
