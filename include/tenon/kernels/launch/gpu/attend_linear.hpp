#pragma once
// Linear attention on a GPU, called as on a processor (launch/linear_attention.hpp): a sequence continued from a state in memory of the machine, and
// whole prompts over arrays of the host.

#include <cstring>

#include <tenon/core/fault.hpp>
#include <tenon/kernels/launch/gpu/linear_rows.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/gpu/with_arch.hpp>
#include <tenon/kernels/launch/linear_attention.hpp>

TENON_KERNELS_BEGIN

namespace kernel_detail {

// f(constant) of the heads' dim.
template <class Machine, class F>
void with_linear_dim(const Machine&, index_t dim, index_t dim_v, const F& f) {
  if (dim == dim_v && dim == 64) return f(std::integral_constant<int, 64>{});
  if (dim == dim_v && dim == 128) return f(std::integral_constant<int, 128>{});
  throw error("[q, v] of linear attention have heads of ", dim, " and ", dim_v, ": on ", Machine::arch::name, " both are 64 or both 128. Fix: pad the heads.");
}

// The words of prompts.
template <class Machine, class Problem, beside Beside = beside::totals>
using linear_words = typename words_of<typename Machine::arch>::template linear_attention<typename Machine::leaf, Problem, Beside>;

// [token, head, dim] in memory of the machine, as kernels take it.
template <class Byte>
device_tensor<Byte> device_rows_of(const number_view<Byte, 3>& of) {
  const auto whole = [&](index_t stride) { return stride * of.bytes() % 16 == 0; };
  if (of.stride[2] != 1 || reinterpret_cast<std::uintptr_t>(of.data) % 16 != 0 || !whole(of.stride[0]) || !whole(of.stride[1]))
    throw error("[q, k, v, out] of attend_recurrent must be dense in their last axis, rows at multiples of 16 bytes, on a GPU. Fix: copy them first.");
  return {of.data, of.kind, 0, of.stride[0], of.stride[1]};
}

// A dense copy of an array of the host that kernels read.
template <class Machine>
class device_copy {
 public:
  device_copy(const Machine& machine, const readable<4>& of, const char* what)
      : memory_(allocate(machine, static_cast<std::size_t>(of.extent[0] * of.extent[1] * of.extent[2] * of.extent[3] * of.bytes()), what, memory_use::constants)) {
    const index_t tokens = of.extent[1], heads = of.extent[2], row = of.extent[3] * of.bytes();
    tensor = {memory_.data(), of.kind, tokens * heads * of.extent[3], heads * of.extent[3], of.extent[3]};
    std::byte* to = memory_.data();
    for (index_t b = 0; b < of.extent[0]; ++b)
      for (index_t t = 0; t < tokens; ++t)
        for (index_t h = 0; h < heads; ++h, to += row) std::memcpy(to, of.row(b, t, h), static_cast<std::size_t>(row));
  }
  device_tensor<const std::byte> tensor;

 private:
  typename memory_on<Machine>::type memory_;
};

// Room for an array of the host that kernels write, and the way back.
template <class Machine>
class device_result {
 public:
  device_result(const Machine& machine, const writable<4>& to, const char* what)
      : to_(to), memory_(allocate(machine, static_cast<std::size_t>(to.extent[0] * to.extent[1] * to.extent[2] * to.extent[3] * to.bytes()), what, memory_use::results)) {
    const index_t heads = to.extent[2], dim = to.extent[3];
    tensor = {memory_.data(), to.kind, to.extent[1] * heads * dim, heads * dim, dim};
  }
  /// After `await`.
  void collect() const {
    const index_t row = to_.extent[3] * to_.bytes();
    const std::byte* from = memory_.data();
    for (index_t b = 0; b < to_.extent[0]; ++b)
      for (index_t t = 0; t < to_.extent[1]; ++t)
        for (index_t h = 0; h < to_.extent[2]; ++h, from += row) std::memcpy(to_.row(b, t, h), from, static_cast<std::size_t>(row));
  }
  device_tensor<std::byte> tensor;

 private:
  writable<4> to_;
  typename memory_on<Machine>::type memory_;
};

// The scratch of features in parts, for `rows` neighbouring positions, `queries` queries and `keys` keys; none for others.
struct linear_room {
  std::size_t waves = 0, of_heads = 0, sums = 0, of_queries = 0, of_keys = 0;
  template <class Features>
  linear_room(const Features& features, heads shape, index_t rows, index_t queries, index_t keys) {
    const auto floats = [](index_t count) { return round_up(static_cast<std::size_t>(count) * sizeof(float), 64); };
    if constexpr (features_in_waves<Features>) waves = floats(2 * rows * features.terms), of_heads = floats(index_t{shape.query} * linear_waves::pair_weights);
    if constexpr (features_in_parts<Features>) sums = floats(parts_of(features, shape.dim) * queries * shape.query * linear_state_columns(shape.dim));
    if constexpr (features_of_rows<Features>) {
      const index_t row = index_t{parts_of_wave(features, shape.dim)} * shape.dim;
      of_queries = floats(queries * shape.query * row), of_keys = floats(keys * shape.kv * row);
    }
  }
  std::size_t bytes() const { return waves + of_heads + sums + of_queries + of_keys; }
};
constexpr index_t linear_piece = 256;  // tokens whose parts lie in scratch at once

// Writes what features in parts of `batch` sequences have beside them into scratch, and says where: what waves say of positions, and the features of rows,
// which take the place of q and k.
template <device_machine Machine, class Problem>
void prepare_parts(const Machine& machine, linear_attention_arguments<Problem>& a, index_t batch, std::byte* scratch) {
  using features = std::remove_cvref_t<decltype(Problem::weighting::features)>;
  const int heads = a.kv_heads * a.group;
  const index_t first = a.keys < a.queries ? a.keys - a.queries : 0, rows = a.keys - first, queries = batch * a.queries;  // the first query may stand before key 0
  const linear_room room(a.weighting.features, {heads, a.kv_heads, Problem::dim, Problem::dim}, rows, queries, batch * a.keys);
  a.waves.sums = reinterpret_cast<float*>(scratch + room.waves + room.of_heads), a.waves.plane = queries * heads;
  if constexpr (features_of_rows<features>) {
    using map = linear_rows_body<typename Machine::leaf, std::remove_cvref_t<decltype(without_waves(a.weighting.features))>, Problem::dim>;
    const index_t row = index_t{parts_of_wave(a.weighting.features, Problem::dim)} * Problem::dim;
    const auto mapped = [&](device_tensor<const std::byte>& x, std::size_t at, int tokens, int of_heads) {
      auto* const to = reinterpret_cast<float*>(scratch + at);
      if (tokens > 0)
        launch(machine, static_cast<int>(tiles(batch * tokens * of_heads, map::rows)), 1, map{x, to, static_cast<int>(batch), tokens, of_heads, without_waves(a.weighting.features)}, map::shared_bytes);
      x = {reinterpret_cast<const std::byte*>(to), float_kind::f32, tokens * of_heads * row, of_heads * row, row};
    };
    mapped(a.q, room.waves + room.of_heads + room.sums, a.queries, heads);
    mapped(a.k, room.waves + room.of_heads + room.sums + room.of_queries, a.keys, a.kv_heads);
  }
  if constexpr (features_in_waves<features>) {
    auto *const waves = reinterpret_cast<float*>(scratch), *const of_heads = reinterpret_cast<float*>(scratch + room.waves);
    const auto from = [&](index_t position) { return waves + 2 * (position - first) * a.weighting.features.terms; };
    a.waves.of_queries = from(a.keys - a.queries), a.waves.of_keys = from(0), a.waves.of_heads = of_heads;
    using turn = linear_waves_body<typename Machine::leaf, features>;
    const turn turned{a.weighting.features, {a.place.at, a.place.plus + static_cast<int>(first)}, static_cast<int>(rows), heads, waves, of_heads};
    launch(machine, static_cast<int>(tiles(rows * a.weighting.features.terms + index_t{heads} * linear_waves::pair_weights, turn::threads)), 1, turned);
  }
}

// All query heads of `batch` sequences, then the states. After prepare_parts.
template <device_machine Machine, class Problem>
void launch_linear(const Machine& machine, linear_attention_arguments<Problem> a, index_t batch) {
  using leaf = typename Machine::leaf;
  using words = linear_words<Machine, Problem>;
  constexpr bool in_parts = linear_head<leaf, Problem>::in_parts;
  const int heads = a.kv_heads * a.group, sequences = static_cast<int>(batch);
  const auto sum = [&](int blocks) {
    using body = linear_attention_body<leaf, words, Problem, std::conditional_t<in_parts, linear_part<leaf, Problem>, linear_forward<leaf, Problem>>>;
    launch(machine, blocks, sequences, body{a}, body::shared_bytes, parts_of(a.weighting.features, Problem::dim));
  };
  float* const after = a.after;
  if (a.group != 1) a.after = nullptr;  // all heads of a group read the state before it moves on
  sum(heads);
  if constexpr (in_parts) launch(machine, static_cast<int>(tiles(batch * a.queries * heads, 16)), 1, linear_merge_body<leaf, Problem>{a, sequences});
  if (a.after == after) return;
  a.after = after, a.queries = 0;
  sum(a.kv_heads);
}

}  // namespace kernel_detail

/// As on a processor, each in memory of the machine: for each kv head, whose query heads share it, and each part of the features a matrix [dim][dim + 4]
/// of float; and how many tokens it holds.
template <device_machine Machine, class Features>
std::size_t linear_state_bytes(const Machine&, heads shape, const linear<Features>& weighting) {
  const std::size_t parts = static_cast<std::size_t>(shape.kv) * static_cast<std::size_t>(parts_of(weighting.features, shape.dim));
  return parts * static_cast<std::size_t>(shape.dim * linear_state_columns(shape.dim)) * sizeof(float) + round_up(parts * sizeof(std::int32_t), 64);
}
/// The sums of the parts of some tokens, and features of rows; where features have no parts, none.
template <device_machine Machine, class Features>
std::size_t linear_scratch(const Machine&, heads shape, const linear<Features>& weighting) {
  return kernel_detail::linear_room(weighting.features, shape, kernel_detail::linear_piece, kernel_detail::linear_piece, kernel_detail::linear_piece).bytes();
}

namespace kernel_detail {

template <device_machine Machine, class Features>
void attend_recurrent_from(const Machine& machine, readable<3> q, readable<3> k, readable<3> v, writable<3> out, const linear<Features>& weighting, std::byte* state, linear_place place,
                           std::byte* scratch) {
  if constexpr (kernel_detail::device_linear_assembles<causal, scaled, Features>()) {
    const index_t tokens = q.extent[0], kv = k.extent[1];
    const bool fits = k.extent[0] == tokens && v.extent[0] == tokens && out.extent[0] == tokens && out.extent[1] == q.extent[1] && out.extent[2] == v.extent[2] && k.extent[2] == q.extent[2] &&
                      v.extent[1] == kv && kv > 0 && q.extent[1] % kv == 0;
    if (!fits) throw error("[q, k, v, out] of attend_recurrent must hold the same ", tokens, " tokens in equal groups of heads. Fix: give the new tokens of one sequence.");
    with_linear_dim(machine, q.extent[2], v.extent[2], [&](auto dim) {
      using problem = device_linear<causal, Features, dim.value>;
      linear_attention_arguments<problem> a{};
      const auto q_rows = device_rows_of(q), k_rows = device_rows_of(k), v_rows = device_rows_of(v);
      const auto out_rows = device_rows_of(out);
      a.kv_heads = static_cast<int>(kv), a.group = static_cast<int>(q.extent[1] / kv), a.weighting = weighting;
      a.before = reinterpret_cast<const float*>(state), a.after = reinterpret_cast<float*>(state);
      a.seen = reinterpret_cast<std::int32_t*>(reinterpret_cast<float*>(state) + kv * parts_of(weighting.features, dim.value) * dim.value * linear_state_columns(dim.value));
      using step = linear_attention_step_body<typename Machine::leaf, problem>;
      const index_t piece = features_in_parts<Features> ? linear_piece : tokens;
      for (index_t done = 0; done < tokens; done += piece) {
        a.queries = a.keys = static_cast<int>(tokens - done < piece ? tokens - done : piece);
        a.place = {place.at, place.plus + static_cast<int>(done)};
        a.q = q_rows.from(done), a.k = k_rows.from(done), a.v = v_rows.from(done), a.out = out_rows.from(done);
        if (tokens > 1 || features_of_rows<Features>) prepare_parts(machine, a, 1, scratch);
        if (tokens == 1) return launch(machine, a.kv_heads, 1, step{a}, step::shared_bytes(weighting));
        launch_linear(machine, a, 1);
      }
    });
  }
}

}  // namespace kernel_detail

/// As on a processor, over memory of the machine: q, k, v and out, each of float, bf16 or f16, rows at multiples of 16 bytes; dim and dim_v both 64
/// or both 128. One token is a step of a kernel of its own, in float; more are read in chunks, whose features and values are rounded to bf16. `first` is a
/// number, or lies where kernels read it. Where the state holds other tokens than those before `first`, what comes of it is NaN.
template <device_machine Machine, class Features>
void attend_recurrent(const Machine& machine, readable<3> q, readable<3> k, readable<3> v, writable<3> out, const linear<Features>& weighting, std::byte* state, index_t first, std::byte* scratch) {
  kernel_detail::attend_recurrent_from(machine, q, k, v, out, weighting, state, {nullptr, static_cast<int>(first)}, scratch);
}
template <device_machine Machine, class Features>
void attend_recurrent(const Machine& machine, readable<3> q, readable<3> k, readable<3> v, writable<3> out, const linear<Features>& weighting, std::byte* state, device_place first, std::byte* scratch) {
  kernel_detail::attend_recurrent_from(machine, q, k, v, out, weighting, state, {first.at, 0}, scratch);
}

/// As on a processor: shapes as attend's on a GPU, each of float, bf16 or f16. Features, values and the weights inside a chunk are rounded to bf16,
/// sums are float. What a mask points at is memory that kernels reach. Throws tenon::error for shapes that do not fit.
template <device_machine Machine, class Mask, class Score, class Features>
void attend(const Machine& machine, readable<4> q, readable<4> k, readable<4> v, writable<4> out, const Mask& mask, const Score&, const linear<Features>& weighting) {
  if constexpr (kernel_detail::device_linear_assembles<Mask, Score, Features>()) {
    kernel_detail::check_pass({.q = q, .k = k, .v = v, .out = {}, .log_sum_exp = {}, .d_out = kernel_detail::read_only(out)}, false);
    kernel_detail::with_linear_dim(machine, q.extent[3], v.extent[3], [&](auto dim) {
      using problem = device_linear<Mask, Features, dim.value>;
      if (q.extent[0] * q.extent[1] * q.extent[2] == 0) return;
      const kernel_detail::device_copy<Machine> on_q(machine, q, "q"), on_k(machine, k, "keys"), on_v(machine, v, "values");
      const kernel_detail::device_result<Machine> on_out(machine, out, "out");
      linear_attention_arguments<problem> a{};
      a.q = on_q.tensor, a.k = on_k.tensor, a.v = on_v.tensor, a.out = on_out.tensor, a.mask = mask, a.weighting = weighting;
      a.queries = static_cast<int>(q.extent[1]), a.keys = static_cast<int>(k.extent[1]), a.kv_heads = static_cast<int>(k.extent[2]), a.group = static_cast<int>(q.extent[2] / k.extent[2]);
      const index_t longest = q.extent[1] > k.extent[1] ? q.extent[1] : k.extent[1];
      const kernel_detail::linear_room room(weighting.features, kernel_detail::heads_of(q, k, v), longest, q.extent[0] * q.extent[1], q.extent[0] * k.extent[1]);
      const auto scratch = allocate(machine, room.bytes(), "the parts of features");
      kernel_detail::prepare_parts(machine, a, q.extent[0], scratch.data());
      kernel_detail::launch_linear(machine, a, q.extent[0]);
      await(machine);
      on_out.collect();
    });
  }
}

/// The same on a device, with the kernels of its architecture.
template <class Runtime, class Mask, class Score, class Features>
void attend(const gpu_device<Runtime>& device, readable<4> q, readable<4> k, readable<4> v, writable<4> out, const Mask& mask, const Score& score, const linear<Features>& weighting) {
  with_arch(device, [&](const auto& machine) { attend(machine, q, k, v, out, mask, score, weighting); });
}

TENON_KERNELS_END
