#pragma once
// attend_backward over arrays of the host on a GPU, the call of every machine: operands are rounded to the number of its words and laid out as a GPU's
// cache holds them. For one call on some data (launch/gpu/attend_backward.hpp takes memory of the machine).

#include <cstring>

#include <tenon/kernels/launch/attention_backward.hpp>
#include <tenon/kernels/launch/gpu/attend_backward.hpp>
#include <tenon/kernels/launch/gpu/attend_views.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

template <class Number, class Mask, class Score, class Weighting, int Dim>
struct backward_of_views : attention_of<Number, device_attention<Mask, Score, Weighting, Dim, 1>> {
  using gradient = float;
};

// to [batch, token, head, dim] = the sums of `group` neighbouring heads of `from` [batch, head, token, dim] in order.
inline void gather_heads(const float* from, int group, index_t dim, const writable<4>& to) {
  float row[128];
  const index_t tokens = to.extent[1], heads = to.extent[2];
  for (index_t b = 0; b < to.extent[0]; ++b)
    for (index_t t = 0; t < tokens; ++t)
      for (index_t h = 0; h < heads; ++h) {
        for (float& x : row) x = 0;
        for (index_t each = h * group; each < (h + 1) * group; ++each)
          for (index_t d = 0; d < dim; ++d) row[d] += from[((b * heads * group + each) * tokens + t) * dim + d];
        write_row(row, to.kind, to.row(b, t, h), static_cast<int>(dim));
      }
}

// Each query head has keys, values and their gradients to itself: its group is known to the host alone.
template <int Dim, device_machine Machine, class Mask, class Score, class Weighting>
void backward_of(const Machine& machine, const attention_pass& pass, const attention_gradients& to, const Mask& mask, const Score& score, Weighting weighting) {
  using number = problem_number<words_of<typename Machine::arch>>;
  using problem = backward_of_views<number, Mask, Score, Weighting, Dim>;
  const index_t batch = pass.q.extent[0], queries = pass.q.extent[1], heads = pass.q.extent[2], keys = pass.k.extent[1], group = heads / pass.k.extent[2];
  const index_t rows = batch * queries * heads, cache = batch * heads * keys * Dim, padded = batch * heads * attention_backward_padded(queries);
  const device_values<number, Machine> q(machine, rows * Dim, "q", memory_use::constants), k(machine, cache, "keys", memory_use::constants), v(machine, cache, "values", memory_use::constants),
      d_out(machine, rows * Dim, "d_out", memory_use::constants);
  const device_values<float, Machine> out(machine, rows * Dim, "out", memory_use::constants), sums(machine, rows, "log_sum_exp", memory_use::constants),
      logits(machine, heads, "sink logits", memory_use::constants), d_logits(machine, heads, "d_logits", memory_use::results), dq(machine, rows * Dim, "dq", memory_use::results),
      dk(machine, cache, "dk", memory_use::results), dv(machine, cache, "dv", memory_use::results), facts(machine, 2 * padded, "facts", memory_use::results),
      shares(machine, padded, "sink shares", memory_use::results);
  to_device(pass.q, false, q.data()), to_device(pass.k, true, k.data(), group), to_device(pass.v, true, v.data(), group), to_device(pass.d_out, false, d_out.data());

  attention_backward_arguments<problem> a{};
  attention_arguments<problem>& c = a.call;
  c.q = q.data(), c.keys = k.data(), c.values = v.data(), c.queries = static_cast<int>(queries), c.length = static_cast<int>(keys);
  c.heads = c.kv_heads = static_cast<int>(heads), c.q_head = c.out_head = Dim, c.q_query = c.out_query = heads * Dim, c.q_batch = c.out_batch = queries * heads * Dim;
  c.cache_head = keys * Dim, c.cache_batch = heads * keys * Dim, c.mask = mask, c.score = score;
  a.d_out = d_out.data(), a.dq = dq.data(), a.dk = dk.data(), a.dv = dv.data(), a.batch = static_cast<int>(batch);
  if constexpr (!requires { weighting.bias; }) {
    to_device(pass.out, false, out.data());
    for (index_t row = 0; row < rows; ++row) sums.data()[row] = pass.log_sum_exp(row / heads / queries, row / heads % queries, row % heads);
    c.out = out.data(), c.log_sum_exp = sums.data(), a.facts = facts.data();
  }
  [[maybe_unused]] float* learned_logits = nullptr;
  if constexpr (requires { weighting.logits; }) {
    if (weighting.logits != nullptr) std::memcpy(logits.data(), weighting.logits, static_cast<std::size_t>(heads) * sizeof(float)), weighting.logits = logits.data();
    learned_logits = weighting.d_logits;
    if (learned_logits != nullptr) {
      std::memset(d_logits.data(), 0, static_cast<std::size_t>(heads) * sizeof(float));
      wrote(machine, d_logits.data(), static_cast<std::size_t>(heads) * sizeof(float));
      weighting.d_logits = d_logits.data(), a.sink_shares = shares.data();
    }
  }
  c.weighting = weighting;
  const device_values<float, Machine> learned(machine, learns(score) ? attention_backward_learned_floats(a) : 0, "the sums of a score", memory_use::results);
  if (learns(score)) a.learned_sums = learned.data();
  attend_backward(machine, a);
  await(machine);
  for (index_t b = 0; b < batch; ++b)
    for (index_t i = 0; i < queries; ++i)
      for (index_t h = 0; h < heads; ++h) write_row(dq.data() + ((b * queries + i) * heads + h) * Dim, to.q.kind, to.q.row(b, i, h), Dim);
  gather_heads(dk.data(), static_cast<int>(group), Dim, to.k), gather_heads(dv.data(), static_cast<int>(group), Dim, to.v);
  for (index_t h = 0; learned_logits != nullptr && h < heads; ++h) learned_logits[h] += d_logits.data()[h];
}

}  // namespace kernel_detail

/// As on a processor, the gradients of attend over arrays of the host: writes dq, dk, dv, and adds those of learned operands to the places that `score`
/// and `weighting` name. What a mask or a score points at, places of gradients too, is memory that kernels reach. Heads of 64 or 128, one dim for all.
/// Products are of numbers rounded to bf16, sums are float, in an order that is the same on every run. Throws tenon::error for what does not fit.
template <device_machine Machine, class Mask, class Score = scaled, class Weighting = softmax, class Reduction = fixed_split>
void attend_backward(const Machine& machine, const attention_pass& pass, const attention_gradients& gradients, const Mask& mask, const Score& score = {}, const Weighting& weighting = {},
                     const Reduction& = {}) {
  kernel_detail::check_pass(pass, !requires { weighting.bias; });
  kernel_detail::check_gradients(pass, gradients);
  const index_t dim = pass.q.extent[3];
  if (dim != pass.v.extent[3] || (dim != 64 && dim != 128))
    throw error("[q, v] of attend_backward have heads of ", dim, " and ", pass.v.extent[3], ": on ", Machine::arch::name, " both are 64 or both 128. Fix: pad the heads.");
  if (pass.q.extent[0] == 0 || pass.q.extent[2] == 0) return;
  if (dim == 64)
    kernel_detail::backward_of<64>(machine, pass, gradients, mask, score, weighting);
  else
    kernel_detail::backward_of<128>(machine, pass, gradients, mask, score, weighting);
}

/// The same on a device, with the kernels of its architecture.
template <class Runtime, class Mask, class Score = scaled, class Weighting = softmax, class Reduction = fixed_split>
void attend_backward(const gpu_device<Runtime>& device, const attention_pass& pass, const attention_gradients& gradients, const Mask& mask, const Score& score = {},
                     const Weighting& weighting = {}, const Reduction& reduction = {}) {
  with_arch(device, [&](const auto& machine) { attend_backward(machine, pass, gradients, mask, score, weighting, reduction); });
}

TENON_KERNELS_END
