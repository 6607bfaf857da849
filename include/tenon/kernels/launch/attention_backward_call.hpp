#pragma once
// One call of attend_backward, cut into work: rows are packed, ranges of keys are walked, sums are merged in order. Threads take
// whole kv heads where there are enough of them, else ranges of keys; the sums of dq are the same either way, bit for bit.

#include <atomic>

#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/launch/number_view.hpp>
#include <tenon/kernels/skeletons/attention_backward.hpp>
#include <tenon/policies/cache.hpp>

TENON_KERNELS_BEGIN

/// What attention read and wrote, and the gradient of its output: all [batch, token, head, dim], each of float, bf16 or f16, dense in
/// the last axis. out and log_sum_exp [batch, query, head] as attend gave them; sigmoid needs neither.
struct attention_pass {
  readable<4> q, k, v, out;
  view<const float, 3> log_sum_exp;
  readable<4> d_out;
};

/// Where the gradients of q, k and v go, shaped as these, each of float, bf16 or f16.
struct attention_gradients {
  writable<4> q, k, v;
};

namespace kernel_detail {

/// The cut, and the scratch that it takes, in floats.
struct backward_cut {
  heads shape;
  int queries, length, split, group, rows, splits;
  index_t padded_rows, wide;
  bool by_heads;
  std::size_t head_floats, partial_floats, partials, thread_floats, sum_width, sum_floats;

  template <class Words>
  static backward_cut of(const heads& shape, index_t queries, index_t length, int split, int stages, int threads) {
    backward_cut c{};
    c.shape = shape, c.queries = static_cast<int>(queries), c.length = static_cast<int>(length), c.split = split;
    c.group = shape.query / shape.kv, c.rows = c.queries * c.group, c.splits = (c.length + split - 1) / split;
    c.padded_rows = (c.rows + 15) / 16 * 16, c.wide = (shape.dim + 15) / 16 * 16;
    c.by_heads = threads == 1 || shape.kv >= 2 * threads || c.splits <= 1;
    c.head_floats = round_up(static_cast<std::size_t>(atoms::backward_rows::floats(c.padded_rows, shape.dim, shape.dim_v) + c.padded_rows), 16);
    c.partial_floats = c.splits > 1 ? static_cast<std::size_t>(c.padded_rows * c.wide) : 0;  // the first range sums where the rows are
    c.partials = c.by_heads ? static_cast<std::size_t>(threads) : static_cast<std::size_t>(shape.kv) * static_cast<std::size_t>(c.splits);
    c.thread_floats = round_up(static_cast<std::size_t>(Words::floats(shape.dim, shape.dim_v)), 16);
    c.sum_width = round_up(static_cast<std::size_t>(queries + length), 16) + 32;
    c.sum_floats = static_cast<std::size_t>(stages) * static_cast<std::size_t>(c.group) * c.sum_width;
    return c;
  }
  std::size_t items() const { return static_cast<std::size_t>(shape.kv) * static_cast<std::size_t>(splits); }
  std::size_t floats(int threads) const {
    return static_cast<std::size_t>(shape.kv) * head_floats + partials * partial_floats + static_cast<std::size_t>(threads) * thread_floats + items() * sum_floats;
  }
};

// How rows of a kind are read and written.
inline atoms::row_reader reader_of(const readable<4>& from, index_t batch, index_t head) {
  static constexpr const float* (*read[])(const std::byte*, float*, int) = {
      [](const std::byte* row, float* room, int count) { return as_floats(row, float_kind::f32, room, count); },
      [](const std::byte* row, float* room, int count) { return as_floats(row, float_kind::bf16, room, count); },
      [](const std::byte* row, float* room, int count) { return as_floats(row, float_kind::f16, room, count); }};
  return {from.row(batch, 0, head), from.stride[1] * from.bytes(), read[static_cast<int>(from.kind)]};
}
inline void write_row(const float* from, float_kind kind, std::byte* to, int count) {
  if (kind == float_kind::f32)
    __builtin_memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
  else
    from_floats(from, kind, to, count);
}
inline atoms::row_writer writer_of(const writable<4>& to, index_t batch, index_t head) {
  static constexpr void (*write[])(const float*, std::byte*, int) = {[](const float* from, std::byte* row, int count) { write_row(from, float_kind::f32, row, count); },
                                                                     [](const float* from, std::byte* row, int count) { write_row(from, float_kind::bf16, row, count); },
                                                                     [](const float* from, std::byte* row, int count) { write_row(from, float_kind::f16, row, count); }};
  return {to.row(batch, 0, head), to.stride[1] * to.bytes(), write[static_cast<int>(to.kind)]};
}

template <class Machine, class Mask, class Score, class Weighting>
struct backward_call {
  using words = typename Machine::atoms::attention_backward;
  using slopes = decltype(slopes_of<words::group_rows>(Weighting{}));
  static constexpr int group_rows = words::group_rows;

  const Machine& machine;
  const attention_pass& pass;
  const attention_gradients& gradients;
  const Mask& mask;
  const Score& score;
  const Weighting& weighting;
  backward_cut cut;
  slopes* row_slopes;  // [kv head][group of rows]
  float* scratch;

  void run(index_t batch) const {
    const int kv = cut.shape.kv, packs = kv * static_cast<int>(cut.padded_rows) / group_rows;
    each(packs, [&](int, int item) { pack(batch, item % kv, item / kv); });  // heads of one token lie side by side
    const int items = cut.by_heads ? cut.shape.kv : static_cast<int>(cut.items());
    each(items, [&](int thread, int item) {
      if (cut.by_heads)
        for (int part = 0; part < cut.splits; ++part) walk(batch, thread, item, part);
      else
        walk(batch, thread, item / cut.splits, item % cut.splits);
    });
    each(packs, [&](int, int item) { finish(batch, item % kv, item / kv); });
    learn(static_cast<int>(batch));
  }

 private:
  // Threads take items until none is left. A policy that must hear of every score hears of them on one thread, in order.
  template <class F>
  void each(int items, const F& f) const {
    const int threads = learns_per_score<Score> ? 1 : machine.threads() < items ? machine.threads() : items;
    std::atomic<int> taken{0};
    machine.parallel(threads, [&](int thread) {
      for (int item = taken++; item < items; item = taken++) f(thread, item);
    });
  }
  float* head_memory(int head) const { return scratch + static_cast<std::size_t>(head) * cut.head_floats; }
  atoms::backward_rows rows_of(int head) const { return {head_memory(head), cut.padded_rows, cut.shape.dim, cut.shape.dim_v}; }
  float* sink_share(int head) const { return head_memory(head) + atoms::backward_rows::floats(cut.padded_rows, cut.shape.dim, cut.shape.dim_v); }
  float* partial(std::size_t which) const { return head_memory(cut.shape.kv) + which * cut.partial_floats; }
  float* tile(int thread) const { return partial(cut.partials) + static_cast<std::size_t>(thread) * cut.thread_floats; }
  float* sums(int head, int part) const {
    return tile(machine.threads()) + (static_cast<std::size_t>(head) * static_cast<std::size_t>(cut.splits) + static_cast<std::size_t>(part)) * cut.sum_floats;
  }
  float factor() const {
    const float asked = factor_of(score);
    return asked != 0 ? asked : 1.0f / __builtin_sqrtf(static_cast<float>(cut.shape.dim));
  }

  // Holds 16 rows: q, d_out, where their weights stand, and no sums of dq yet.
  void pack(index_t batch, int head, int g) const {
    const words m(nullptr, cut.shape.dim, cut.shape.dim_v, rows_of(head));
    const float *q[group_rows], *d_out[group_rows];
    float q_room[group_rows * 576], d_out_room[group_rows * 576], out_room[576];  // for narrow numbers
    slopes& own = row_slopes[head * (cut.padded_rows / group_rows) + g] = slopes_of<group_rows>(weighting);
    const float* logits = sinks(weighting);
    for (int r = 0; r < group_rows; ++r) {
      const int row = g * group_rows + r, query = row / cut.group, h = head * cut.group + row % cut.group;
      q[r] = nullptr, d_out[r] = nullptr;
      if (row >= cut.rows) continue;
      q[r] = as_floats(pass.q.row(batch, query, h), pass.q.kind, q_room + r * 576, cut.shape.dim);
      d_out[r] = as_floats(pass.d_out.row(batch, query, h), pass.d_out.kind, d_out_room + r * 576, cut.shape.dim_v);
      if constexpr (requires { own.agreement; }) {
        const float agree = words::dot(as_floats(pass.out.row(batch, query, h), pass.out.kind, out_room, cut.shape.dim_v), d_out[r], cut.shape.dim_v);
        sink_share(head)[row] = -agree * own.set(r, pass.log_sum_exp(batch, query, h), logits == nullptr ? nullptr : logits + h, agree);
      }
    }
    m.hold(g, factor(), q, d_out);
    __builtin_memset(m.rows.dq + index_t(g) * group_rows * cut.wide, 0, static_cast<std::size_t>(group_rows * cut.wide) * sizeof(float));
  }

  reverse_meaning<Mask, Score> meaning_of(index_t batch, int head, const learned_sums& learned) const {
    return {{mask, score, cut.length - cut.queries, head * cut.group, cut.group, static_cast<int>(batch), cut.length}, learned};
  }
  int end_of(int part) const { return cut.length - part * cut.split < cut.split ? cut.length : (part + 1) * cut.split; }

  // One range of keys of one kv head. The first range sums dq in place; a later one apart, those rows that see any of its keys, and
  // is added where threads go by heads.
  void walk(index_t batch, int thread, int head, int part) const {
    atoms::backward_rows held = rows_of(head);
    float* const sum = held.dq;
    const int from = part * cut.split, to = end_of(part);
    const learned_sums learned{cut.sum_floats == 0 ? nullptr : sums(head, part), static_cast<index_t>(cut.sum_width), from};
    if (learned.at != nullptr) __builtin_memset(learned.at, 0, cut.sum_floats * sizeof(float));
    const reverse_meaning<Mask, Score> mean = meaning_of(batch, head, learned);
    const auto seen = [&](const auto& f) {
      for (int g = 0; part > 0 && g * group_rows < cut.rows; ++g)
        if (sees(mean, g, from, to)) f(index_t(g) * group_rows * cut.wide, group_rows * cut.wide);
    };
    if (part > 0) held.dq = partial(cut.by_heads ? static_cast<std::size_t>(thread) : static_cast<std::size_t>(head * cut.splits + part));
    seen([&](index_t first, index_t count) { __builtin_memset(held.dq + first, 0, static_cast<std::size_t>(count) * sizeof(float)); });
    const words m(tile(thread), cut.shape.dim, cut.shape.dim_v, held);
    const typename words::source in{reader_of(pass.k, batch, head), reader_of(pass.v, batch, head), writer_of(gradients.k, batch, head), writer_of(gradients.v, batch, head)};
    attention_backward(m, in, mean, cut.rows, from, to, row_slopes + head * (cut.padded_rows / group_rows));
    if (cut.by_heads) seen([&](index_t first, index_t count) { add(sum + first, held.dq + first, count); });
  }
  bool sees(const meaning<Mask, Score>& mean, int g, int from, int to) const {
    const int end = (g + 1) * group_rows < cut.rows ? (g + 1) * group_rows : cut.rows;
    return mean.covers(g * group_rows, end, from, to) != cover::none;
  }

  void finish(index_t batch, int head, int g) const {
    float* sum = rows_of(head).dq + index_t(g) * group_rows * cut.wide;
    const meaning<Mask, Score> mean = meaning_of(batch, head, {});
    for (int part = 1; !cut.by_heads && part < cut.splits; ++part)
      if (sees(mean, g, part * cut.split, end_of(part)))
        add(sum, partial(static_cast<std::size_t>(head * cut.splits + part)) + index_t(g) * group_rows * cut.wide, group_rows * cut.wide);
    const float by = factor();
    for (int r = 0; r < group_rows && g * group_rows + r < cut.rows; ++r) {
      const int row = g * group_rows + r;
      words::scale(sum + r * cut.wide, sum + r * cut.wide, by, cut.shape.dim);
      write_row(sum + r * cut.wide, gradients.q.kind, gradients.q.row(batch, row / cut.group, head * cut.group + row % cut.group), cut.shape.dim);
    }
  }
  static void add(float* to, const float* from, index_t count) {
    for (index_t i = 0; i < count; i += 16, to += 16, from += 16) {
      TENON_INDEPENDENT
      for (int j = 0; j < 16; ++j) to[j] += from[j];
    }
  }

  // Learned operands hear of their sums, on one thread and in order.
  void learn(int batch) const {
    for (int head = 0; head < cut.shape.kv; ++head) {
      if constexpr (requires { weighting.d_logits; })
        if (weighting.d_logits != nullptr)
          for (int h = 0; h < cut.group; ++h) {
            double total = 0;
            for (int row = h; row < cut.rows; row += cut.group) total += static_cast<double>(sink_share(head)[row]);
            weighting.d_logits[head * cut.group + h] += static_cast<float>(total);
          }
      if constexpr (learned_stages<Score> > 0) {
        const position first{.query = 0, .key = 0, .head = head * cut.group, .batch = batch};
        deliver(score, first, cut.group, cut.length - cut.queries, cut.queries, cut.length, [&](per kind, int stage, int h, int n) {
          double total = 0;
          for (int part = 0; part < cut.splits; ++part) {
            const int from = part * cut.split, at = kind == per::key ? n - from : n;
            if (kind == per::key && (at < 0 || at >= cut.split)) continue;
            total += static_cast<double>(sums(head, part)[static_cast<std::size_t>(stage * cut.group + h) * cut.sum_width + static_cast<std::size_t>(at)]);
          }
          return total;
        });
      }
    }
  }
};

}  // namespace kernel_detail
TENON_KERNELS_END
