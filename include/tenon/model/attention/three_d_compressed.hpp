#pragma once
// The compressed form of 3D attention: linear attention whose weights know the distance. Its state has the same size however many
// tokens it has seen, and a token costs the same at any position.
//   w(i, j) = (phi(q_i) . phi(k_j)) (c + sum_f a_f cos(w_f (i - j)) + b_f sin(w_f (i - j))),  y = Wo (sum_j w v_j) / (sum_j w), j <= i
//   c = floor + sum_f sqrt(a_f^2 + b_f^2): no weight is ever negative, whatever a and b learn; they are learned per head
// Exact, as cos and sin of a difference are sums of products: 2 terms + 1 states of phi. On processors sums are cut at multiples of 64 tokens:
// how many come at a time shows in no bit. Included by three_d.hpp.

#include <algorithm>

#include <tenon/model/attention/projections.hpp>
#include <tenon/model/attention/rules.hpp>
#include <tenon/model/attention/training.hpp>

namespace tenon {

template <class Spec, bool Assembles>
struct three_d_attention;

template <class Spec>
  requires detail::weighs_linearly<std::remove_const_t<decltype(Spec::weighting)>>
struct three_d_attention<Spec, true> {
  static constexpr const char* norm_name = "attn_norm.weight";
  using parts_of = attention_projections<Spec>;
  static constexpr encoding_spec own = Spec::encoding;
  static constexpr index_t query_heads = parts_of::spec.query_heads;

  struct weights : parts_of::weights {
    vector_parameter cosine, sine;
  };
  template <class Visit>
  static constexpr void each_parameter(weights& w, Visit& visit) {
    parts_of::each_parameter(w, visit);
    visit(w.cosine, "attn_position_cos.weight", query_heads * own.terms);
    visit(w.sine, "attn_position_sin.weight", query_heads * own.terms);
  }

  static constexpr auto activations = parts_of::plan();

  /// What one sequence remembers: the sums of each head over the tokens seen, the last up to 64 of them one by one. A GPU's has a copy of directions that
  /// features look at, which the spec has in memory of the host.
  struct memory {
    std::byte* sums;
    std::size_t bytes;
    index_t seen = 0;
    const float* directions = nullptr;
    template <class Machine>
    void carry(const Machine& machine, const memory& from) {
      copy_within(machine, sums, from.sums, bytes);
      seen = from.seen;
    }
  };
  template <class Machine>
  using state = memory;
  template <class Machine>
  static std::size_t state_bytes(const Machine& machine, index_t) {
    return round_up(linear_state_bytes(machine, parts_of::shape, waves({})), 64) + (host_machine<Machine> ? 0 : round_up(directions_bytes(), 64));
  }
  template <class Machine>
  static memory open_state(const Machine& machine, std::byte* bytes, index_t) {
    memory out{.sums = bytes, .bytes = linear_state_bytes(machine, parts_of::shape, waves({}))};
    if constexpr (with_directions && !host_machine<Machine>) {
      auto* const to = reinterpret_cast<float*>(bytes + round_up(out.bytes, 64));
      std::copy_n(Spec::weighting.features.directions, directions_bytes() / sizeof(float), to);
      wrote(machine, to, directions_bytes());
      out.directions = to;
    }
    return out;
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine& machine, index_t capacity) {
    const std::size_t usual = parts_of::scratch_bytes(machine, capacity), linear = linear_scratch(machine, parts_of::shape, waves({}));
    return usual > linear ? usual : linear;
  }

  /// Throws tenon::error where the sequence was cut back to anywhere but its start or its last chunk of 64 tokens: what was summed cannot be taken out again.
  template <class Machine>
  static void forward(const pass<Machine>& now, const weights& w, memory& state, view<const float, 2> in, view<float, 2> stream) {
    const auto x = parts_of::in(activations, now.activations, now.tokens);
    parts_of::project(now, w, in, x);
    parts_of::turn(now, x);
    recall(now, w, state, x);
    parts_of::finish(now, w, parts_of::flat(x.mixed), stream);
  }

  using training = attention_training<parts_of>;
  using saved = typename training::saved;
  struct gradients : training::gradients {
    std::vector<float> cosine = zeros(query_heads * own.terms), sine = cosine;
  };
  template <class Machine>
  static void forward_saving(const pass<Machine>& now, const weights& w, memory& state, saved& kept, view<const float, 2> in, view<float, 2> stream) {
    const auto x = training::project(now, w, kept, in);
    parts_of::turn(now, x);
    recall(now, w, state, x);
    training::finish(now, w, kept.mixed, stream);
  }
  template <class Machine>
  static void backward(const pass<Machine>& now, const weights& w, const saved& kept, view<const float, 2> out_gradient, view<float, 2> in_gradient, gradients& to) {
    const std::vector<float> d_mixed = training::output_backward(now, w, kept.mixed, out_gradient, to);
    typename training::saved d = training::zeros_like(kept);
    const auto x = training::heads_of(const_cast<saved&>(kept)), dx = training::heads_of(d);
    training::attend_backward(now, kept, x.key, x.value, d_mixed, dx.query, dx.key, dx.value, Spec::mask, Spec::score,
                              waves(w, to.cosine.data(), to.sine.data()));
    training::turn_backward(now, Spec::position, dx);
    training::project_backward(now, w, kept, d, in_gradient, to);
  }

 private:
  static constexpr bool with_directions = requires { Spec::weighting.features.directions; };
  static constexpr std::size_t directions_bytes() {
    if constexpr (with_directions)
      return static_cast<std::size_t>(Spec::weighting.features.size * parts_of::spec.head_dim) * sizeof(float);
    else
      return 0;
  }
  static auto inner_over([[maybe_unused]] const float* directions) {
    auto inner = Spec::weighting.features;
    if constexpr (with_directions)
      if (directions != nullptr) inner.directions = directions;
    return inner;
  }
  static auto waves(const weights& w, float* d_cosine = nullptr, float* d_sine = nullptr, const float* directions = nullptr) {
    using features = with_waves<std::remove_const_t<decltype(Spec::weighting.features)>>;
    return linear<features>{.features = {.inner = inner_over(directions), .cosine = w.cosine.data, .sine = w.sine.data, .terms = own.terms, .floor = own.floor, .first = own.first,
                                         .ratio = own.ratio, .d_cosine = d_cosine, .d_sine = d_sine}};
  }

  // A GPU's kernels know themselves what the sums hold: where they hold other tokens, what comes of them is no number, and shows. They keep no token
  // by itself, so a sequence is cut back to 0 there.
  template <class Machine>
  static void recall(const pass<Machine>& now, const weights& w, memory& state, const typename parts_of::parts& x) {
    if constexpr (host_machine<Machine>) {
      const index_t earliest = linear_resumes_from(now.machine, state.seen);
      if (now.first != 0 && (now.first < earliest || now.first > state.seen))
        throw error("[first] is ", now.first, ", but the sums hold ", state.seen, " tokens and go back to ", earliest, " alone. Fix: cut back to there, or to 0.");
      state.seen = now.first + now.tokens;
    }
    attend_recurrent(now.machine, x.query, x.key, x.value, x.mixed, waves(w, nullptr, nullptr, state.directions), state.sums, now.first, now.scratch);
  }
};

}  // namespace tenon
