#pragma once
// What models do row by row, as the kernels that the tests compile for GPUs and run as PTX.

#include <tenon/kernels/launch/gpu/attend_across.hpp>
#include <tenon/kernels/launch/gpu/append.hpp>
#include <tenon/kernels/launch/gpu/dot_heads.hpp>
#include <tenon/kernels/launch/gpu/embed.hpp>
#include <tenon/kernels/launch/gpu/gate.hpp>
#include <tenon/kernels/launch/gpu/kept_keys.hpp>
#include <tenon/kernels/launch/gpu/norm.hpp>
#include <tenon/kernels/launch/gpu/row_softmax.hpp>
#include <tenon/kernels/launch/gpu/running_mean.hpp>
#include <tenon/kernels/launch/gpu/rotary.hpp>
#include <tenon/kernels/launch/gpu/sample.hpp>

namespace tenon_test {

template <class Leaf>
struct row_kernels {
  using norm = tenon::rms_norm_body<Leaf>;
  using rotation = tenon::rotate_body<Leaf>;
  using swish = tenon::open_gate_body<Leaf, tenon::swiglu>;
  using exact_gelu = tenon::open_gate_body<Leaf, tenon::gelu>;
  using append = tenon::append_body<Leaf, tenon::bf16>;
  using embed = tenon::embed_body<Leaf>;
  template <class Format>
  using embed_panel = tenon::embed_panel_body<Leaf, Format>;
  using keep_keys = tenon::keep_keys_body<Leaf>;
  using choose_heads = tenon::choose_heads_body<Leaf>;
  using dot_heads = tenon::dot_heads_body<Leaf>;
  using gather_heads = tenon::gather_heads_body<Leaf>;
  using scatter_heads = tenon::scatter_heads_body<Leaf>;
  using place_tokens = tenon::place_tokens_body<Leaf>;
  using running_mean = tenon::running_mean_body<Leaf>;
  using row_softmax = tenon::row_softmax_body<Leaf>;
  using sample = tenon::sample_body<Leaf>;
};

}  // namespace tenon_test

// Calls kernel(name, type) for each, where `kernels` are those of a machine.
#define TENON_TEST_KERNELS(kernel)                                   \
  kernel(norm_of, kernels::norm)                                     \
  kernel(rotation, kernels::rotation)                                \
  kernel(swish, kernels::swish)                                      \
  kernel(exact_gelu, kernels::exact_gelu)                            \
  kernel(append, kernels::append)                                    \
  kernel(embed, kernels::embed)                                      \
  kernel(embed_i8, kernels::embed_panel<tenon::panel::i8>)           \
  kernel(embed_q8_0, kernels::embed_panel<tenon::panel::q8_0>)       \
  kernel(embed_q4_0, kernels::embed_panel<tenon::panel::q4_0>)       \
  kernel(embed_q4_1, kernels::embed_panel<tenon::panel::q4_1>)       \
  kernel(embed_q4_k, kernels::embed_panel<tenon::panel::q4_k>)       \
  kernel(embed_q6_k, kernels::embed_panel<tenon::panel::q6_k>)       \
  kernel(keep_keys, kernels::keep_keys)                              \
  kernel(choose_heads, kernels::choose_heads)                        \
  kernel(dot_of_heads, kernels::dot_heads)                           \
  kernel(gather_heads, kernels::gather_heads)                        \
  kernel(scatter_heads, kernels::scatter_heads)                      \
  kernel(place_tokens, kernels::place_tokens)                        \
  kernel(mean_of_seen, kernels::running_mean)                        \
  kernel(softmax_of_rows, kernels::row_softmax)                      \
  kernel(sample_of, kernels::sample)
