#pragma once
// The gradients of linear attention on a GPU, over arrays of the host: which kernels run, on which grids.

#include <tenon/kernels/launch/gpu/attend_linear.hpp>
#include <tenon/kernels/launch/gpu/attend_views.hpp>
#include <tenon/kernels/launch/gpu/linear_attention_backward.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

/// A pass and its gradients in memory of the machine.
template <class Machine, class Problem>
class linear_pass {
 public:
  using leaf = typename Machine::leaf;
  using features = std::remove_cvref_t<decltype(Problem::weighting::features)>;

  linear_pass(const Machine& machine, const attention_pass& pass, const attention_gradients& to, const typename Problem::weighting& weighting)
      : machine_(machine),
        q_(machine, pass.q, "q"),
        k_(machine, pass.k, "keys"),
        v_(machine, pass.v, "values"),
        d_out_(machine, pass.d_out, "d_out"),
        dq_(machine, to.q, "dq"),
        dk_(machine, to.k, "dk"),
        dv_(machine, to.v, "dv"),
        batch_(static_cast<int>(pass.q.extent[0])),
        queries_(static_cast<int>(pass.q.extent[1])),
        heads_(static_cast<int>(pass.q.extent[2])),
        keys_(static_cast<int>(pass.k.extent[1])),
        kv_heads_(static_cast<int>(pass.k.extent[2])),
        out_(machine, rows(queries_) * Problem::dim, "out", memory_use::results),
        totals_(machine, rows(queries_), "totals", memory_use::results),
        facts_(machine, 2 * rows(queries_), "facts", memory_use::results),
        sums_(machine, rows(longest()) * Problem::dim * parts_of(weighting.features, Problem::dim), "the sums of a gradient", memory_use::results),
        scratch_(allocate(machine, linear_room(weighting.features, {heads_, kv_heads_, Problem::dim, Problem::dim}, longest(), index_t{batch_} * queries_, index_t{batch_} * keys_).bytes(), "the parts of features")) {}

  void run(const typename Problem::mask& mask, const typename Problem::weighting& weighting) {
    linear_backward_arguments<Problem> a{};
    linear_attention_arguments<Problem>& c = a.call;
    c.q = q_.tensor, c.k = k_.tensor, c.v = v_.tensor, c.mask = mask, c.weighting = weighting, c.totals = totals_.data();
    c.out = {reinterpret_cast<std::byte*>(out_.data()), float_kind::f32, index_t{queries_} * heads_ * Problem::dim, index_t{heads_} * Problem::dim, Problem::dim};
    c.queries = queries_, c.keys = keys_, c.kv_heads = kv_heads_, c.group = heads_ / kv_heads_;
    a.d_out = d_out_.tensor, a.forward = out_.data(), a.facts = facts_.data(), a.sums = sums_.data(), a.batch = batch_;
    prepare_parts(machine_, c, batch_, scratch_.data());
    if (queries_ > 0) {
      launch_linear(machine_, c, batch_);
      launch(machine_, sixteens(rows(queries_)), 1, linear_facts_body<leaf, Problem>{a});
      sum_queries(a);
      gather(q_.tensor, dq_.tensor, queries_, heads_, c, side::query, c.q);
    }
    if (keys_ == 0) return;
    sum<letters_of_keys<leaf, Problem>>(a);
    gather(k_.tensor, dk_.tensor, keys_, kv_heads_, c, side::key, c.k);
    sum<letters_of_values<leaf, Problem>>(a);
    gather({}, dv_.tensor, keys_, kv_heads_, c, side::key, {});
  }
  /// After `await`.
  void collect() const { dq_.collect(), dk_.collect(), dv_.collect(); }

 private:
  index_t rows(int tokens) const { return index_t{batch_} * tokens * heads_; }
  int longest() const { return queries_ > keys_ ? queries_ : keys_; }
  static int sixteens(index_t count) { return static_cast<int>(tiles(count, 16)); }
  template <class Letters>
  void sum(const linear_backward_arguments<Problem>& a) const {
    using words = linear_words<Machine, Problem, Letters::asks>;
    using body = linear_gradient_body<leaf, words, Letters, Problem>;
    launch(machine_, heads_, batch_, body{a}, body::shared_bytes, parts_of(a.call.weighting.features, Problem::dim));
  }
  void sum_queries(const linear_backward_arguments<Problem>& a) const {
    if constexpr (features_in_waves<features>)
      if (a.call.weighting.features.learning()) {
        using learn = linear_learn_body<leaf, Problem>;
        sum<letters_of_queries<leaf, Problem, parts_are::apart>>(a);
        return launch(machine_, heads_, a.call.weighting.features.terms, learn{a}, learn::shared_bytes);
      }
    sum<letters_of_queries<leaf, Problem>>(a);
  }
  // `taken`: what kernels had for x.
  void gather(const device_tensor<const std::byte>& x, const device_tensor<std::byte>& to, int tokens, int heads, const linear_attention_arguments<Problem>& call, side of,
              const device_tensor<const std::byte>& taken) const {
    const linear_gather_arguments<features> a{sums_.data(), x, to, batch_, tokens, heads, heads_ / heads, Problem::dim, call.weighting.features, of, call.waves, reinterpret_cast<const float*>(taken.data)};
    if constexpr (features_of_rows<features>) {
      using pull = linear_pull_body<leaf, features, Problem::dim>;
      if (x.data != nullptr) return launch(machine_, static_cast<int>(tiles(index_t{batch_} * tokens * heads, pull::rows)), 1, pull{a}, pull::shared_bytes);
    }
    launch(machine_, sixteens(index_t{batch_} * tokens * heads), 1, linear_gather_body<leaf, features>{a});
  }

  const Machine& machine_;
  device_copy<Machine> q_, k_, v_, d_out_;
  device_result<Machine> dq_, dk_, dv_;
  int batch_, queries_, heads_, keys_, kv_heads_;
  device_values<float, Machine> out_, totals_, facts_, sums_;
  typename memory_on<Machine>::type scratch_;
};

}  // namespace kernel_detail

/// As on a processor: writes dq, dk, dv. `pass` needs neither out nor log_sum_exp. Heads of 64 or of 128, one dim for all; what products take is
/// rounded to bf16, sums are float, in an order that is the same on every run. What a mask points at is memory that kernels reach. Throws
/// tenon::error for shapes that do not fit.
template <device_machine Machine, class Mask, class Score, class Features>
void attend_backward(const Machine& machine, const attention_pass& pass, const attention_gradients& gradients, const Mask& mask, const Score&, const linear<Features>& weighting) {
  if constexpr (kernel_detail::device_linear_assembles<Mask, Score, Features>()) {
    kernel_detail::check_pass(pass, false);
    kernel_detail::check_gradients(pass, gradients);
    kernel_detail::with_linear_dim(machine, pass.q.extent[3], pass.v.extent[3], [&](auto dim) {
      using problem = device_linear<Mask, Features, dim.value>;
      if (pass.q.extent[0] * pass.k.extent[2] * pass.q.extent[2] == 0) return;
      kernel_detail::linear_pass<Machine, problem> all(machine, pass, gradients, weighting);
      all.run(mask, weighting);
      await(machine);
      all.collect();
    });
  }
}

/// The same on a device, with the kernels of its architecture.
template <class Runtime, class Mask, class Score, class Features>
void attend_backward(const gpu_device<Runtime>& device, const attention_pass& pass, const attention_gradients& gradients, const Mask& mask, const Score& score, const linear<Features>& weighting) {
  with_arch(device, [&](const auto& machine) { attend_backward(machine, pass, gradients, mask, score, weighting); });
}

TENON_KERNELS_END
