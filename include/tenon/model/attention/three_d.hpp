#pragma once
// 3D attention: content, position and task in one score.
//   y = Wo weigh(q_i . k_j / sqrt(d) + PosEnc(i, j) + TaskEnc(i)) v
//   PosEnc = sum_f a_f cos(w_f (i - j)) + b_f sin(w_f (i - j)), a and b learned per head, w_f = first ratio^f
//   TaskEnc = q_i . e_task / sqrt(d), e_task learned per head, q_i before any rotation
// TaskEnc is the same for all keys. Under softmax it cancels, whatever it learned, which is why a rule asks for sigmoid where it is
// wanted; under sigmoid it opens or closes a query as a whole.

#include <tenon/kernels/launch/dot_heads.hpp>
#include <tenon/model/attention/projections.hpp>
#include <tenon/model/attention/rules.hpp>
#include <tenon/model/attention/training.hpp>

namespace tenon {

/// Grouped attention with the encodings that `Spec::encoding` names, weighed by `Spec::weighting`: softmax{}, sigmoid{...}, or, in the
/// compressed form (three_d_compressed.hpp), linear{...}.
template <class Spec, bool = encoding_rules<Spec>::assembles>
struct three_d_attention : refused_layer {};

template <class Spec>
struct three_d_attention<Spec, true> : cached_attention<Spec> {
  static constexpr const char* norm_name = "attn_norm.weight";
  using parts_of = attention_projections<Spec>;
  static constexpr encoding_spec own = Spec::encoding;
  static constexpr bool has_task = own.task == task_encoding::learned;
  static constexpr index_t query_heads = parts_of::spec.query_heads, head_dim = parts_of::spec.head_dim;
  static constexpr float task_factor = static_cast<float>(parts_of::plain_factor);

  struct weights : parts_of::weights {
    vector_parameter cosine, sine, task;
  };
  template <class Visit>
  static constexpr void each_parameter(weights& w, Visit& visit) {
    parts_of::each_parameter(w, visit);
    visit(w.cosine, "attn_position_cos.weight", query_heads * own.terms);
    visit(w.sine, "attn_position_sin.weight", query_heads * own.terms);
    if constexpr (has_task) visit(w.task, "attn_task.weight", query_heads * head_dim);
  }

  static constexpr auto activations = parts_of::plan(query_heads);

  template <class Machine>
  static void forward(const pass<Machine>& now, const weights& w, typename cached_attention<Spec>::template state<Machine>& cache, view<const float, 2> in, view<float, 2> stream) {
    constexpr int dim = head_dim;
    const auto x = parts_of::in(activations, now.activations, now.tokens);
    parts_of::project(now, w, in, x);
    const auto position_of = parts_of::score >> series(w);
    const auto attend_by = [&](const auto& score) {
      parts_of::turn(now, x);
      append(now.machine, cache, x.key, x.value, now.first);
      attend<dim, dim>(now.machine, x.query, cache, x.mixed, Spec::mask, score, now.scratch, Spec::weighting);
    };
    if constexpr (has_task) {
      const view<float, 2> task_of = activations.in(now.activations, parts_of::own, now.tokens);
      dot_heads(now.machine, x.query, w.task.data, task_factor, task_of);
      if constexpr (host_machine<Machine>)
        attend_by(position_of >> task{.values = task_of.data, .heads = query_heads, .first_query = static_cast<int>(now.first)});
      else
        attend_by(position_of >> task_from<read_later>{.values = task_of.data, .heads = query_heads, .first_query = {now.first.at}});
    } else {
      attend_by(position_of);
    }
    parts_of::finish(now, w, parts_of::flat(x.mixed), stream);
  }

  using training = attention_training<parts_of>;
  struct saved : training::saved {
    std::vector<float> plain_query, task;  ///< q before its rotation, and what the task made of it
  };
  struct gradients : training::gradients {
    std::vector<float> cosine = zeros(query_heads * own.terms), sine = cosine, task = zeros(has_task ? query_heads * head_dim : 0);
  };
  template <class Machine>
  static void forward_saving(const pass<Machine>& now, const weights& w, typename parts_of::cache& cache, saved& kept, view<const float, 2> in, view<float, 2> stream) {
    const auto x = training::project(now, w, kept, in);
    if constexpr (has_task) {
      kept.plain_query = kept.query, kept.task = zeros(now.tokens * query_heads);
      dot_heads(now.machine, x.query, w.task.data, task_factor, rows_of(kept.task, query_heads));
    }
    parts_of::turn(now, x);
    append(now.machine, cache, x.key, x.value, now.first);
    training::attend(now, kept, x.key, x.value, Spec::mask, score_of(w, kept, nullptr, nullptr, nullptr), Spec::weighting);
    training::finish(now, w, kept.mixed, stream);
  }
  template <class Machine>
  static void backward(const pass<Machine>& now, const weights& w, const saved& kept, view<const float, 2> out_gradient, view<float, 2> in_gradient, gradients& to) {
    const std::vector<float> d_mixed = training::output_backward(now, w, kept.mixed, out_gradient, to);
    typename training::saved d = training::zeros_like(kept);
    std::vector<float> d_task = zeros(has_task ? now.tokens * query_heads : 0);
    const auto x = training::heads_of(const_cast<saved&>(kept)), dx = training::heads_of(d);
    training::attend_backward(now, kept, x.key, x.value, d_mixed, dx.query, dx.key, dx.value, Spec::mask,
                              score_of(w, kept, to.cosine.data(), to.sine.data(), d_task.data()), Spec::weighting);
    training::turn_backward(now, Spec::position, dx);
    if constexpr (has_task) {
      for (std::size_t i = 0; i < d.query.size(); ++i) {
        const std::size_t of_task = i % (static_cast<std::size_t>(query_heads * head_dim));
        const float by = task_factor * d_task[i / static_cast<std::size_t>(head_dim)];
        d.query[i] += by * w.task.data[of_task];
        to.task[of_task] += by * kept.plain_query[i];
      }
    }
    training::project_backward(now, w, kept, d, in_gradient, to);
  }

 private:
  static fourier series(const weights& w, float* d_cosine = nullptr, float* d_sine = nullptr) {
    return {.cosine = w.cosine.data, .sine = w.sine.data, .terms = own.terms, .first = own.first, .ratio = own.ratio, .d_cosine = d_cosine, .d_sine = d_sine};
  }
  static auto score_of(const weights& w, const saved& kept, float* d_cosine, float* d_sine, float* d_task) {
    const auto position_of = parts_of::score >> series(w, d_cosine, d_sine);
    if constexpr (has_task)
      return position_of >> task{.values = kept.task.data(), .heads = query_heads, .first_query = 0, .batch_stride = 0, .d_values = d_task};
    else
      return position_of;
  }
};

}  // namespace tenon

#include <tenon/model/attention/three_d_compressed.hpp>
