#pragma once
// Linear attention on a processor: prompts in chunks, decoding from a state of constant size, and gradients.

#include <tenon/kernels/launch/linear_attention_call.hpp>
#include <tenon/kernels/shared/linear_rules.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

inline readable<4> read_only(const writable<4>& from) {
  readable<4> to;
  to.data = from.data, to.kind = from.kind;
  for (int axis = 0; axis < 4; ++axis) to.extent[axis] = from.extent[axis], to.stride[axis] = from.stride[axis];
  return to;
}
// f(thread, its memory) on as many threads as there are items.
template <class Machine, class F>
void on_threads(const Machine& machine, int items, std::size_t floats, const F& f) {
  const int threads = machine.threads() < items ? machine.threads() : items;
  const buffer memory(static_cast<std::size_t>(threads) * floats * sizeof(float), "the features of linear attention");
  machine.parallel(threads, [&](int thread) { f(thread, threads, reinterpret_cast<float*>(memory.data()) + static_cast<std::size_t>(thread) * floats); });
}

}  // namespace kernel_detail

/// Linear attention: shapes as attend's without a cache. Masks: causal, full, prefix, padding, joined by `&` (the last three also by `|`
/// and `!`). Time grows with the number of tokens, not with its square. Takes memory for one sequence's features on each thread.
/// Throws tenon::error for shapes that do not fit.
template <class Machine, class Mask, class Score, class Features>
void attend(const Machine& machine, readable<4> q, readable<4> k, readable<4> v, writable<4> out, const Mask& mask, const Score&, const linear<Features>& weighting) {
  if constexpr (kernel_detail::linear_assembles<Mask, Score>()) {
    kernel_detail::check_pass({.q = q, .k = k, .v = v, .out = {}, .log_sum_exp = {}, .d_out = kernel_detail::read_only(out)}, false);
    const kernel_detail::linear_call<Machine, Mask, Features> call{kernel_detail::heads_of(q, k, v), static_cast<int>(q.extent[1]), static_cast<int>(k.extent[1]), mask, weighting.features};
    const int items = static_cast<int>(q.extent[0]) * call.shape.query;
    kernel_detail::on_threads(machine, items, call.floats(), [&](int thread, int threads, float* memory) {
      const auto place = call.at(memory);
      for (int item = thread; item < items; item += threads) {
        const int b = item / call.shape.query, head = item % call.shape.query;
        call.fill(place, q[b], k[b], v[b], head, b, 0);
        call.forward(place, causal_and_free<Mask>, nullptr);
        call.store(place, out[b], head);
      }
    });
  }
}

/// Its gradients: writes dq, dk, dv, and adds those of features that learn, in an order that does not depend on the threads. `pass` needs
/// neither out nor log_sum_exp.
template <class Machine, class Mask, class Score, class Features>
void attend_backward(const Machine& machine, const attention_pass& pass, const attention_gradients& gradients, const Mask& mask, const Score&, const linear<Features>& weighting) {
  if constexpr (kernel_detail::linear_assembles<Mask, Score>()) {
    kernel_detail::check_pass(pass, false);
    kernel_detail::check_gradients(pass, gradients);
    const kernel_detail::linear_call<Machine, Mask, Features> call{kernel_detail::heads_of(pass.q, pass.k, pass.v), static_cast<int>(pass.q.extent[1]), static_cast<int>(pass.k.extent[1]), mask, weighting.features};
    const heads& shape = call.shape;
    const int batches = static_cast<int>(pass.q.extent[0]), group = shape.query / shape.kv;
    bool learning = false;  // then a head's sequences are one thread's, in order
    if constexpr (kernel_detail::learned_features<Features>) learning = weighting.features.learning();
    const int items = learning ? shape.kv : batches * shape.kv;
    const index_t of_q = index_t(call.queries) * shape.dim, of_k = index_t(call.keys) * shape.dim, of_v = index_t(call.keys) * shape.dim_v;
    kernel_detail::on_threads(machine, items, call.floats() + static_cast<std::size_t>(of_q + of_k + of_v), [&](int thread, int threads, float* memory) {
      const auto place = call.at(memory);
      float *const dq = memory + call.floats(), *const dk = dq + of_q, *const dv = dk + of_k;
      const auto one = [&](int b, int kv) {
        __builtin_memset(dk, 0, static_cast<std::size_t>(of_k + of_v) * sizeof(float));
        for (int head = kv * group; head < (kv + 1) * group; ++head) {
          __builtin_memset(dq, 0, static_cast<std::size_t>(of_q) * sizeof(float));
          call.fill(place, pass.q[b], pass.k[b], pass.v[b], head, b, 0);
          call.backward(place, pass.q[b], pass.k[b], pass.d_out[b], head, b, causal_and_free<Mask>, dq, dk, dv);
          for (int i = 0; i < call.queries; ++i) kernel_detail::write_row(dq + index_t(i) * shape.dim, gradients.q.kind, gradients.q.row(b, i, head), shape.dim);
        }
        for (int j = 0; j < call.keys; ++j) {
          kernel_detail::write_row(dk + index_t(j) * shape.dim, gradients.k.kind, gradients.k.row(b, j, kv), shape.dim);
          kernel_detail::write_row(dv + index_t(j) * shape.dim_v, gradients.v.kind, gradients.v.row(b, j, kv), shape.dim_v);
        }
      };
      for (int item = thread; item < items; item += threads)
        for (int b = learning ? 0 : item / shape.kv, last = learning ? batches : b + 1; b < last; ++b) one(b, item % shape.kv);
    });
  }
}

/// Bytes of the state of one sequence, whatever its length: for each query head a matrix [feature][dim_v + 1], and the features and values of up to
/// 64 tokens.
template <class Machine, class Features>
std::size_t linear_state_bytes(const Machine&, heads shape, const linear<Features>& weighting) {
  using words = typename Machine::atoms::growing_chunk;
  return static_cast<std::size_t>(shape.query) * static_cast<std::size_t>(words::state_floats(weighting.features.count(shape.dim), shape.dim_v + 1)) * sizeof(float);
}

/// The earliest position at which a sequence can go on whose state has seen `seen` tokens: what is in chunks that are whole cannot be taken out.
template <class Machine>
index_t linear_resumes_from(const Machine&, index_t seen) {
  return seen - seen % Machine::atoms::linear_attention::chunk;
}

/// Bytes of scratch of attend_recurrent, for any number of tokens.
template <class Machine, class Features>
std::size_t linear_scratch(const Machine& machine, heads shape, const linear<Features>& weighting) {
  constexpr int chunk = Machine::atoms::linear_attention::chunk;
  const full mask;
  const kernel_detail::linear_call<Machine, full, Features> call{shape, chunk, chunk, mask, weighting.features};
  return static_cast<std::size_t>(machine.threads() < shape.query ? machine.threads() : shape.query) * call.floats() * sizeof(float);
}

/// Continues a sequence, causally, by tokens that stand at positions first, first + 1, ...: q [token, head, dim], k [token, kv_head, dim],
/// v [token, kv_head, dim_v], out [token, head, dim_v]. One token is a step of decoding, many are a prompt, or a piece of one.
/// state: linear_state_bytes, scratch: linear_scratch, both aligned to 64; at position 0 a sequence begins, whatever the state holds. Sums are taken
/// over chunks that begin at multiples of 64, whatever the calls: a token's bits depend on it and on those before it alone. A call may go back to
/// linear_resumes_from the end of the last. Throws tenon::error for shapes that do not fit.
template <class Machine, class Features>
void attend_recurrent(const Machine& machine, readable<3> q, readable<3> k, readable<3> v, writable<3> out, const linear<Features>& weighting, std::byte* state, index_t first,
                      std::byte* scratch) {
  const heads shape{static_cast<int>(q.extent[1]), static_cast<int>(k.extent[1]), static_cast<int>(q.extent[2]), static_cast<int>(v.extent[2])};
  const index_t tokens = q.extent[0];
  const bool fits = k.extent[0] == tokens && v.extent[0] == tokens && out.extent[0] == tokens && out.extent[1] == q.extent[1] && out.extent[2] == v.extent[2] &&
                    k.extent[2] == q.extent[2] && v.extent[1] == k.extent[1] && shape.kv > 0 && shape.query % shape.kv == 0 && shape.dim <= 576 && shape.dim_v <= 576;
  if (!fits) throw error("[q, k, v, out] of attend_recurrent must hold the same ", tokens, " tokens in equal groups of heads. Fix: give the new tokens of one sequence.");
  using call_of = kernel_detail::linear_call<Machine, full, Features>;
  constexpr int chunk = Machine::atoms::linear_attention::chunk;
  const full mask;
  const std::size_t floats = call_of{shape, chunk, chunk, mask, weighting.features}.floats(), bytes = linear_state_bytes(machine, shape, weighting) / static_cast<std::size_t>(shape.query);
  const int threads = machine.threads() < shape.query ? machine.threads() : shape.query;
  if (first == 0) __builtin_memset(state, 0, bytes * static_cast<std::size_t>(shape.query));
  machine.parallel(threads, [&](int thread) {
    for (int head = thread; head < shape.query; head += threads)
      for (index_t done = 0, next = 0; done < tokens; done = next) {
        const int at = static_cast<int>((first + done) % chunk);
        next = tokens - done < chunk - at ? tokens : done + chunk - at;
        const int count = static_cast<int>(next - done);
        const call_of call{shape, count, count, mask, weighting.features};
        const auto place = call.at(reinterpret_cast<float*>(scratch) + static_cast<std::size_t>(thread) * floats);
        call.fill(place, q.rows(done, count), k.rows(done, count), v.rows(done, count), head, 0, static_cast<int>(first + done));
        call.grow(place, at, reinterpret_cast<float*>(state + static_cast<std::size_t>(head) * bytes));
        call.store(place, out.rows(done, count), head);
      }
  });
}

TENON_KERNELS_END
