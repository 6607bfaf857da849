#pragma once
// attend over arrays of the host on a GPU, the call of every machine: operands are rounded to the number of its words and laid out as a GPU's cache holds them.
// For one call on some data; a model keeps its operands on the device (launch/gpu/attend.hpp).

#include <cstring>

#include <tenon/core/fault.hpp>
#include <tenon/kernels/launch/attention.hpp>
#include <tenon/kernels/launch/gpu/attend.hpp>
#include <tenon/kernels/launch/gpu/with_arch.hpp>

TENON_KERNELS_BEGIN

namespace kernel_detail {

// [batch, token, head, dim] of any number as dense Number, tokens outside of heads or inside; each head `times` times.
template <class Number>
void to_device(readable<4> from, bool heads_outside, Number* to, index_t times = 1) {
  const index_t tokens = from.extent[1], heads = from.extent[2] * times, dim = from.extent[3];
  float room[128];
  for (index_t b = 0; b < from.extent[0]; ++b)
    for (index_t t = 0; t < tokens; ++t)
      for (index_t h = 0; h < heads; ++h) {
        const float* row = as_floats(from.row(b, t, h / times), from.kind, room, static_cast<int>(dim));
        Number* const at = to + ((b * (heads_outside ? heads : tokens) + (heads_outside ? h : t)) * (heads_outside ? tokens : heads) + (heads_outside ? t : h)) * dim;
        for (index_t d = 0; d < dim; ++d) at[d] = Number(row[d]);
      }
}

// A problem of another number.
template <class Number, class Problem>
struct attention_of : Problem {
  using number = Number;
  using kept = Number;
};

template <class T, class Machine>
struct device_values {  // one at the least: none would have no address, and null means something else to kernels
  typename memory_on<Machine>::type memory;
  device_values(const Machine& machine, index_t count, const char* what, memory_use use) : memory(allocate(machine, static_cast<std::size_t>(count < 1 ? 1 : count) * sizeof(T), what, use)) {}
  T* data() const { return reinterpret_cast<T*>(memory.data()); }
};

template <int Dim, device_machine Machine, class Mask, class Score, class Weighting>
void attend_views(const Machine& machine, readable<4> q, readable<4> k, readable<4> v, writable<4> out, const Mask& mask, const Score& score, Weighting weighting,
                  view<float, 3> log_sum_exp) {
  using number = problem_number<words_of<typename Machine::arch>>;
  using problem = attention_of<number, device_attention<Mask, Score, Weighting, Dim, 1>>;
  using words = typename words_of<typename Machine::arch>::template attention<typename Machine::leaf, problem>;
  const index_t batch = q.extent[0], queries = q.extent[1], heads = q.extent[2], keys = k.extent[1], kv_heads = k.extent[2];
  const device_values<number, Machine> at_q(machine, batch * queries * heads * Dim, "q", memory_use::constants), at_k(machine, batch * keys * kv_heads * Dim, "keys", memory_use::constants),
      at_v(machine, batch * keys * kv_heads * Dim, "values", memory_use::constants);
  const device_values<float, Machine> at_out(machine, batch * queries * heads * Dim, "out", memory_use::results), sums(machine, batch * queries * heads, "log_sum_exp", memory_use::results),
      logits(machine, heads, "sink logits", memory_use::constants);
  to_device(q, false, at_q.data()), to_device(k, true, at_k.data()), to_device(v, true, at_v.data());
  if constexpr (requires { weighting.logits; })
    if (weighting.logits != nullptr) {
      std::memcpy(logits.data(), weighting.logits, static_cast<std::size_t>(heads) * sizeof(float));
      weighting.logits = logits.data();
    }

  attention_arguments<problem> a{};
  constexpr bool sums_up = !decltype(state_of<1>(weighting))::bounded;  // sigmoid has no denominator
  a.q = at_q.data(), a.keys = at_k.data(), a.values = at_v.data(), a.out = at_out.data(), a.log_sum_exp = sums.data();
  a.queries = static_cast<int>(queries), a.length = static_cast<int>(keys), a.heads = static_cast<int>(heads), a.kv_heads = static_cast<int>(kv_heads);
  a.q_head = a.out_head = Dim, a.q_query = a.out_query = heads * Dim, a.q_batch = a.out_batch = queries * heads * Dim;
  a.cache_head = keys * Dim, a.cache_batch = kv_heads * keys * Dim;
  a.mask = mask, a.score = score, a.weighting = weighting;
  machine.launch({static_cast<int>(tiles(queries, words::block_rows)), a.heads, static_cast<int>(batch)}, {words::threads}, words::shared_bytes,
                 attention_on<words>(machine, a, batch, keys));
  await(machine);
  for (index_t b = 0; b < batch; ++b)
    for (index_t i = 0; i < queries; ++i)
      for (index_t h = 0; h < heads; ++h) {
        const index_t row = (b * queries + i) * heads + h;
        if (out.kind == float_kind::f32)
          std::memcpy(out.row(b, i, h), at_out.data() + row * Dim, Dim * sizeof(float));
        else
          from_floats(at_out.data() + row * Dim, out.kind, out.row(b, i, h), Dim);
        if (sums_up && log_sum_exp.data != nullptr) log_sum_exp(b, i, h) = sums.data()[row];
      }
}

}  // namespace kernel_detail

/// q [batch, query, head, dim], k and v [batch, key, kv_head, dim], out [batch, query, head, dim], dense in the last axis; dim 64 or 128;
/// log_sum_exp [batch, query, head] or nothing. Query i stands at position keys - queries + i. Sums are one chain in the order of the keys,
/// which is what each `reduction` asks for. What a mask or a score points at is memory that kernels reach. Throws tenon::error for shapes
/// that do not fit.
template <device_machine Machine, class Mask, class Score = scaled, class Weighting = softmax, class Reduction = fixed_split>
void attend(const Machine& machine, readable<4> q, readable<4> k, readable<4> v, writable<4> out, const Mask& mask, const Score& score = {}, const Weighting& weighting = {},
            const Reduction& = {}, view<float, 3> log_sum_exp = {}) {
  const index_t batch = q.extent[0], keys = k.extent[1], kv_heads = k.extent[2], dim = q.extent[3];
  if (dim != 64 && dim != 128) throw error("[q] of attend has heads of ", dim, ": on ", Machine::arch::name, " they have 64 or 128. Fix: pad the heads.");
  if (kv_heads <= 0 || q.extent[2] % kv_heads != 0)
    throw error("[k] of attend has ", kv_heads, " heads: they must divide the ", q.extent[2], " query heads. Fix: change the number of kv heads.");
  if (k.extent[0] != batch || k.extent[3] != dim || v.extent[0] != batch || v.extent[1] != keys || v.extent[2] != kv_heads || v.extent[3] != dim)
    throw error("[k, v] of attend must both be [", batch, ", ", keys, ", ", kv_heads, ", ", dim, "]. Fix: give the batch and dim of q.");
  for (int axis = 0; axis < 4; ++axis)
    if (out.extent[axis] != q.extent[axis]) throw error("[out] of attend must have the shape of q. Fix: axis ", axis, " is ", out.extent[axis], ", not ", q.extent[axis], ".");
  if (q.stride[3] != 1 || k.stride[3] != 1 || v.stride[3] != 1 || out.stride[3] != 1)
    throw error("[q, k, v, out] of attend must be dense in their last axis. Fix: copy them first.");
  if (log_sum_exp.data != nullptr && (log_sum_exp.extent[0] != batch || log_sum_exp.extent[1] != q.extent[1] || log_sum_exp.extent[2] != q.extent[2]))
    throw error("[log_sum_exp] of attend must be [", batch, ", ", q.extent[1], ", ", q.extent[2], "]: one number for each query and head. Fix: give that much room.");
  if (batch == 0 || q.extent[1] == 0 || q.extent[2] == 0) return;
  if (dim == 64)
    kernel_detail::attend_views<64>(machine, q, k, v, out, mask, score, weighting, log_sum_exp);
  else
    kernel_detail::attend_views<128>(machine, q, k, v, out, mask, score, weighting, log_sum_exp);
}

/// The same on a device, with the kernels of its architecture: attend(nvidia{0}, q, k, v, out, causal{}). On sm_75 operands are rounded to f16.
template <class Runtime, class Mask, class Score = scaled, class Weighting = softmax, class Reduction = fixed_split>
void attend(const gpu_device<Runtime>& device, readable<4> q, readable<4> k, readable<4> v, writable<4> out, const Mask& mask, const Score& score = {}, const Weighting& weighting = {},
            const Reduction& reduction = {}, view<float, 3> log_sum_exp = {}) {
  with_arch<typename gpu_targets<Runtime>::archs_of_parts>(device, [&](const auto& machine) { attend(machine, q, k, v, out, mask, score, weighting, reduction, log_sum_exp); });
}

TENON_KERNELS_END
