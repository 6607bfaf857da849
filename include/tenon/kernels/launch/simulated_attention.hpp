#pragma once
// attend on a simulated GPU: the call of every machine. Operands are rounded to bf16 as a GPU's cache holds them; the kernel is the one
// that runs on the device, and what it did wrong is in machine.report().

#include <vector>

#include <tenon/kernels/launch/amd/words.hpp>
#include <tenon/kernels/launch/number_view.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>
#include <tenon/kernels/launch/simulated.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>
#include <tenon/policies/weighting.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

template <class Mask, class Score, class Weighting, int Dim>
struct simulated_problem {
  using mask = Mask;
  using score = Score;
  using weighting = Weighting;
  using out = float;
  static constexpr int dim = Dim, group = 1;
};

// Memory of the device for the time of one call. Bytes beyond its end belong to nobody, so that a kernel which goes there is seen.
template <class T>
struct simulated_array {
  std::vector<T> all;
  explicit simulated_array(index_t count) : all(static_cast<std::size_t>(count) + 256 / sizeof(T)) {}
  T* data() { return all.data(); }
  std::size_t bytes() const { return all.size() * sizeof(T) - 256; }
};

// [batch, token, head, dim] of any number as dense bf16, tokens outside of heads or inside.
inline void to_device(readable<4> from, bool heads_outside, bf16* to) {
  const index_t tokens = from.extent[1], heads = from.extent[2], dim = from.extent[3];
  std::vector<float> room(static_cast<std::size_t>(dim));
  for (index_t b = 0; b < from.extent[0]; ++b)
    for (index_t t = 0; t < tokens; ++t)
      for (index_t h = 0; h < heads; ++h) {
        const float* row = as_floats(from.row(b, t, h), from.kind, room.data(), static_cast<int>(dim));
        bf16* const at = to + ((b * (heads_outside ? heads : tokens) + (heads_outside ? h : t)) * (heads_outside ? tokens : heads) +
                               (heads_outside ? t : h)) *
                                  dim;
        for (index_t d = 0; d < dim; ++d) at[d] = bf16(row[d]);
      }
}

template <int Dim, class Arch, class Mask, class Score, class Weighting>
void attend_simulated(const simulated<Arch>& machine, readable<4> q, readable<4> k, readable<4> v, writable<4> out, const Mask& mask,
                      const Score& score, const Weighting& weighting) {
  using problem = simulated_problem<Mask, Score, Weighting, Dim>;
  using words = typename words_of<Arch>::template attention<typename simulated<Arch>::leaf, problem>;
  const index_t batch = q.extent[0], queries = q.extent[1], heads = q.extent[2], keys = k.extent[1], kv_heads = k.extent[2];
  simulated_array<bf16> device_q(batch * queries * heads * Dim), device_k(batch * keys * kv_heads * Dim),
      device_v(batch * keys * kv_heads * Dim);
  simulated_array<float> device_out(batch * queries * heads * Dim);
  to_device(q, false, device_q.data()), to_device(k, true, device_k.data()), to_device(v, true, device_v.data());

  attention_arguments<problem> a{};
  a.q = device_q.data(), a.keys = device_k.data(), a.values = device_v.data(), a.out = device_out.data();
  a.queries = static_cast<int>(queries), a.length = static_cast<int>(keys), a.heads = static_cast<int>(heads),
  a.kv_heads = static_cast<int>(kv_heads);
  a.q_head = a.out_head = Dim, a.q_query = a.out_query = heads * Dim, a.q_batch = a.out_batch = queries * heads * Dim;
  a.cache_head = keys * Dim, a.cache_batch = kv_heads * keys * Dim;
  a.mask = mask, a.score = score, a.weighting = weighting;

  const typename simulated<Arch>::memory here(machine);
  here.readable(device_q.data(), device_q.bytes(), "q");
  here.readable(device_k.data(), device_k.bytes(), "keys");
  here.readable(device_v.data(), device_v.bytes(), "values");
  here.writable(device_out.data(), device_out.bytes(), "out");
  if (const float* logits = sinks(weighting); logits != nullptr)
    here.readable(logits, static_cast<std::size_t>(heads) * sizeof(float), "sink logits");
  machine.launch({static_cast<int>((queries + words::block_rows - 1) / words::block_rows), a.heads, static_cast<int>(batch)},
                 {words::threads}, words::shared_bytes, attention_body<typename simulated<Arch>::leaf, words, problem>{a});
  for (index_t b = 0; b < batch; ++b)
    for (index_t i = 0; i < queries; ++i)
      for (index_t h = 0; h < heads; ++h) {
        const float* row = device_out.data() + ((b * queries + i) * heads + h) * Dim;
        if (out.kind == float_kind::f32)
          std::memcpy(out.row(b, i, h), row, Dim * sizeof(float));
        else
          from_floats(row, out.kind, out.row(b, i, h), Dim);
      }
}

}  // namespace kernel_detail

/// q [batch, query, head, dim], k and v [batch, key, kv_head, dim], out [batch, query, head, dim], dense in the last axis; dim 64 or 128.
/// Query i stands at position keys - queries + i. Sums are in the order of the keys. Throws tenon::error for shapes that do not fit.
template <class Arch, class Mask, class Score = scaled, class Weighting = softmax>
void attend(const simulated<Arch>& machine, readable<4> q, readable<4> k, readable<4> v, writable<4> out, const Mask& mask,
            const Score& score = {}, const Weighting& weighting = {}) {
  const index_t batch = q.extent[0], keys = k.extent[1], kv_heads = k.extent[2], dim = q.extent[3];
  if (dim != 64 && dim != 128)
    throw error("[q] of attend has heads of ", dim, ": on ", simulated<Arch>::leaf::name, " they have 64 or 128. Fix: pad the heads.");
  if (kv_heads <= 0 || q.extent[2] % kv_heads != 0)
    throw error("[k] of attend has ", kv_heads, " heads: they must divide the ", q.extent[2],
                " query heads. Fix: change the number of kv heads.");
  if (k.extent[0] != batch || k.extent[3] != dim || v.extent[0] != batch || v.extent[1] != keys || v.extent[2] != kv_heads ||
      v.extent[3] != dim)
    throw error("[k, v] of attend must both be [", batch, ", ", keys, ", ", kv_heads, ", ", dim, "]. Fix: give the batch and dim of q.");
  for (int axis = 0; axis < 4; ++axis)
    if (out.extent[axis] != q.extent[axis])
      throw error("[out] of attend must have the shape of q. Fix: axis ", axis, " is ", out.extent[axis], ", not ", q.extent[axis], ".");
  if (q.stride[3] != 1 || k.stride[3] != 1 || v.stride[3] != 1 || out.stride[3] != 1)
    throw error("[q, k, v, out] of attend must be dense in their last axis. Fix: copy them first.");
  if (batch == 0 || q.extent[1] == 0 || q.extent[2] == 0) return;
  if (dim == 64)
    kernel_detail::attend_simulated<64>(machine, q, k, v, out, mask, score, weighting);
  else
    kernel_detail::attend_simulated<128>(machine, q, k, v, out, mask, score, weighting);
}

TENON_KERNELS_END
