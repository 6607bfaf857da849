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
  std::size_t heads_held, head_floats, partial_floats, partials, thread_floats, sum_width, sum_floats;

  template <class Words>
  static backward_cut of(const heads& shape, index_t queries, index_t length, int split, int stages, int threads) {
    backward_cut c{};
    c.shape = shape, c.queries = static_cast<int>(queries), c.length = static_cast<int>(length), c.split = split;
    c.group = shape.query / shape.kv, c.rows = c.queries * c.group, c.splits = (c.length + split - 1) / split;
    c.padded_rows = (c.rows + 15) / 16 * 16, c.wide = atoms::strips::padded(shape.dim);
    c.by_heads = threads == 1 || shape.kv >= 2 * threads || c.splits <= 1;
    c.heads_held = static_cast<std::size_t>(c.by_heads ? threads : shape.kv);  // a thread's own stays in its cache from the packing to the end
    c.head_floats = round_up(static_cast<std::size_t>(atoms::backward_rows::floats(c.padded_rows, shape.dim, shape.dim_v)), 16);
    c.partial_floats = c.splits > 1 ? static_cast<std::size_t>(c.padded_rows * c.wide) : 0;  // the first range sums where the rows are
    c.partials = c.by_heads ? static_cast<std::size_t>(threads) : static_cast<std::size_t>(shape.kv) * static_cast<std::size_t>(c.splits);
    c.thread_floats = round_up(static_cast<std::size_t>(Words::floats(shape.dim, shape.dim_v)), 16);
    c.sum_width = round_up(static_cast<std::size_t>(queries + length), 16) + 32;
    c.sum_floats = static_cast<std::size_t>(stages) * static_cast<std::size_t>(c.group) * c.sum_width;
    return c;
  }
  std::size_t items() const { return static_cast<std::size_t>(shape.kv) * static_cast<std::size_t>(splits); }
  std::size_t floats(int threads) const {
    return heads_held * head_floats + static_cast<std::size_t>(shape.kv * padded_rows) + partials * partial_floats + static_cast<std::size_t>(threads) * thread_floats + items() * sum_floats;
  }
};

// How rows of a kind are read and written.
inline atoms::row_reader reader_of(const readable<4>& from, index_t batch, index_t head) {
  static constexpr const float* (*read[])(const std::byte*, float*, int) = {
      [](const std::byte* row, float* room, int count) { return as_floats(row, float_kind::f32, room, count); },
      [](const std::byte* row, float* room, int count) { return as_floats(row, float_kind::bf16, room, count); },
      [](const std::byte* row, float* room, int count) { return as_floats(row, float_kind::f16, room, count); }};
  return {from.row(batch, 0, head), from.stride[1] * from.bytes(), from.bytes(), read[static_cast<int>(from.kind)]};
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
  return {to.row(batch, 0, head), to.stride[1] * to.bytes(), to.bytes(), write[static_cast<int>(to.kind)]};
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
    const int kv = cut.shape.kv, groups = static_cast<int>(cut.padded_rows) / group_rows;
    if (cut.by_heads) {
      each(kv, [&](int thread, int head) {
        const place at{batch, head, thread};
        for (int g = 0; g < groups; ++g) pack(at, g);
        for (int part = 0; part < cut.splits; ++part) walk(at, thread, part);
        for (int g = 0; g < groups; ++g) finish(at, g);
      });
    } else {
      const auto head = [&](int which) { return place{batch, which, which}; };
      each(kv * groups, [&](int, int item) { pack(head(item % kv), item / kv); });  // heads of one token lie side by side
      each(static_cast<int>(cut.items()), [&](int thread, int item) { walk(head(item / cut.splits), thread, item % cut.splits); });
      each(kv * groups, [&](int, int item) { finish(head(item % kv), item / kv); });
    }
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
  // A kv head, and which of the heads that are held at once it is.
  struct place {
    index_t batch;
    int head, slot;
  };
  float* head_memory(std::size_t slot) const { return scratch + slot * cut.head_floats; }
  atoms::backward_rows rows_of(const place& of) const { return {head_memory(static_cast<std::size_t>(of.slot)), cut.padded_rows, cut.shape.dim, cut.shape.dim_v, arithmetic().words}; }
  float* sink_share(int head) const { return head_memory(cut.heads_held) + head * cut.padded_rows; }
  float* partial(std::size_t which) const { return sink_share(cut.shape.kv) + which * cut.partial_floats; }
  float* tile(int thread) const { return partial(cut.partials) + static_cast<std::size_t>(thread) * cut.thread_floats; }
  float* sums(int head, int part) const {
    return tile(machine.threads()) + (static_cast<std::size_t>(head) * static_cast<std::size_t>(cut.splits) + static_cast<std::size_t>(part)) * cut.sum_floats;
  }
  float factor() const {
    const float asked = factor_of(score);
    return asked != 0 ? asked : 1.0f / __builtin_sqrtf(static_cast<float>(cut.shape.dim));
  }
  typename words::arithmetic arithmetic() const {
    const bool pairs = words::bf16_pairs && pass.k.kind == float_kind::bf16 && pass.v.kind == float_kind::bf16;
    return {pairs ? atoms::word::pairs : atoms::word::floats, factor()};
  }

  // Holds 16 rows: q, d_out, where their weights stand, and no sums of dq yet.
  void pack(const place& at, int g) const {
    const index_t batch = at.batch;
    const int head = at.head;
    const words m(nullptr, cut.shape.dim, cut.shape.dim_v, rows_of(at), arithmetic());
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
    m.hold(g, q, d_out);
    each_strip(m.rows.dq, g, clear);
  }

  reverse_meaning<Mask, Score> meaning_of(index_t batch, int head, const learned_sums& learned) const {
    return {{mask, score, cut.length - cut.queries, head * cut.group, cut.group, static_cast<int>(batch), cut.length}, learned};
  }
  int end_of(int part) const { return cut.length - part * cut.split < cut.split ? cut.length : (part + 1) * cut.split; }

  // One range of keys of one kv head. The first range sums dq in place; a later one apart, those rows that see any of its keys, and
  // is added where threads go by heads.
  void walk(const place& at, int thread, int part) const {
    const index_t batch = at.batch;
    const int head = at.head;
    atoms::backward_rows held = rows_of(at);
    const atoms::strips sum = held.dq;
    const int from = part * cut.split, to = end_of(part);
    const learned_sums learned{cut.sum_floats == 0 ? nullptr : sums(head, part), static_cast<index_t>(cut.sum_width), from};
    if (learned.at != nullptr) __builtin_memset(learned.at, 0, cut.sum_floats * sizeof(float));
    const reverse_meaning<Mask, Score> mean = meaning_of(batch, head, learned);
    const auto seen = [&](const auto& f) {
      for (int g = 0; part > 0 && g * group_rows < cut.rows; ++g)
        if (sees(mean, g, from, to)) f(g);
    };
    if (part > 0) held.dq.data = partial(cut.by_heads ? static_cast<std::size_t>(thread) : static_cast<std::size_t>(head * cut.splits + part));
    seen([&](int g) { each_strip(held.dq, g, clear); });
    const words m(tile(thread), cut.shape.dim, cut.shape.dim_v, held, arithmetic());
    const typename words::source in{reader_of(pass.k, batch, head), reader_of(pass.v, batch, head), writer_of(gradients.k, batch, head), writer_of(gradients.v, batch, head)};
    attention_backward(m, in, mean, cut.rows, from, to, row_slopes + head * (cut.padded_rows / group_rows));
    if (cut.by_heads) seen([&](int g) { add_group(sum, held.dq, g); });
  }
  bool sees(const meaning<Mask, Score>& mean, int g, int from, int to) const {
    const int end = (g + 1) * group_rows < cut.rows ? (g + 1) * group_rows : cut.rows;
    return mean.covers(g * group_rows, end, from, to) != cover::none;
  }

  void finish(const place& at, int g) const {
    const index_t batch = at.batch;
    const int head = at.head;
    const atoms::strips sum = rows_of(at).dq;
    const meaning<Mask, Score> mean = meaning_of(batch, head, {});
    for (int part = 1; !cut.by_heads && part < cut.splits; ++part)
      if (sees(mean, g, part * cut.split, end_of(part))) add_group(sum, {partial(static_cast<std::size_t>(head * cut.splits + part)), cut.padded_rows}, g);
    each_strip(sum, g, [&](float* first, int count) { words::scale(first, first, factor(), count); });
    const atoms::row_writer to = writer_of(gradients.q, batch, 0);
    for (int row = g * group_rows; row < (g + 1) * group_rows && row < cut.rows; ++row)
      words::write(sum, row, cut.shape.dim, to, gradients.q.row(batch, row / cut.group, head * cut.group + row % cut.group));
  }
  // f(numbers, count) of each stretch of a group of rows.
  template <class F>
  void each_strip(const atoms::strips& of, int g, const F& f) const {
    for (index_t c = 0; c < cut.wide; c += atoms::strips::columns) f(of.at(index_t(g) * group_rows, c), group_rows * atoms::strips::columns);
  }
  static void clear(float* at, int count) { __builtin_memset(at, 0, static_cast<std::size_t>(count) * sizeof(float)); }
  void add_group(const atoms::strips& to, const atoms::strips& from, int g) const {
    each_strip(to, g, [&](float* at, int count) {
      const float* next = from.data + (at - to.data);
      for (int i = 0; i < count; i += 16, at += 16, next += 16) {
        TENON_INDEPENDENT
        for (int j = 0; j < 16; ++j) at[j] += next[j];
      }
    });
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
