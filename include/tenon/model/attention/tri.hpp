#pragma once
// Tri-attention over a stream that is cut into segments of equal length: token p is token p % length of segment p / length.
//   y = spatial(x) + temporal(x) + channel(x)
// spatial: attention within a segment; temporal: attention of the tokens at one place of all segments, as if x were transposed,
// attended to and transposed back; channel: Linear(mean of the segment). Under a causal mask each looks back only: temporal at
// earlier segments and its own, channel at the mean of the tokens of the segment so far. Under a full mask the whole stream comes in
// one block. Rotary positions are those of the stream (spatial) and of the segments (temporal).
// Work: T length + T^2 / length scores instead of T^2, for T tokens.

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include <tenon/kernels/launch/running_mean.hpp>
#include <tenon/model/attention/projections.hpp>
#include <tenon/model/attention/rules.hpp>
#include <tenon/model/attention/training.hpp>
#include <tenon/model/shelf.hpp>

namespace tenon {

/// The three attentions over segments of `Spec::segments.length` tokens.
template <class Spec, bool = segment_rules<Spec>::assembles>
struct tri_attention : refused_layer {};

template <class Spec>
struct tri_attention<Spec, true> {
  static constexpr const char* norm_name = "attn_norm.weight";
  using parts_of = attention_projections<Spec>;
  using parts = typename parts_of::parts;
  static constexpr index_t width = parts_of::width, length = Spec::segments.length;
  static constexpr bool looks_ahead = std::same_as<std::remove_const_t<decltype(Spec::mask)>, full>;

  struct weights {
    typename parts_of::weights spatial, temporal;
    matrix_parameter channel;
    vector_parameter channel_bias;
  };
  template <class Visit>
  static constexpr void each_parameter(weights& w, Visit& visit) {
    parts_of::each_parameter(w.spatial, visit,
                             {"spatial_q.weight", "spatial_k.weight", "spatial_v.weight", "spatial_output.weight", "spatial_q.bias", "spatial_k.bias", "spatial_v.bias"});
    parts_of::each_parameter(w.temporal, visit,
                             {"temporal_q.weight", "temporal_k.weight", "temporal_v.weight", "temporal_output.weight", "temporal_q.bias", "temporal_k.bias", "temporal_v.bias"});
    visit(w.channel, "channel.weight", width, width);
    visit(w.channel_bias, "channel.bias", width);
  }

  enum slot { turned_in = parts_of::own, mean };
  static constexpr auto activations = parts_of::plan(width, width);

  /// What one sequence remembers: keys in the order of the stream, keys by place, in caches of their own, [place in the segment], one key per segment in
  /// each, and the mean of its last segment.
  template <class Machine>
  struct memory {
    using cache = typename cached_attention<Spec>::template state<Machine>;
    cache spatial;
    std::array<cache, length> temporal;
    running_mean<Machine> mean;
    using shelf_type = shelf<cache, Machine>;
    void each_shelf(const auto& f) { f(shelf_type{.caches = {&spatial, 1}}), f(shelf_type{.caches = temporal, .tokens_per_key = length}); }
    void carry(const Machine& machine, const memory& from) { mean.carry(machine, from.mean); }
  };
  template <class Machine>
  using state = memory<Machine>;
  template <class Machine>
  static std::size_t state_bytes(const Machine& machine, index_t capacity) {
    return parts_of::cache_bytes(machine, capacity) + static_cast<std::size_t>(length) * parts_of::cache_bytes(machine, segments_of(capacity)) + running_mean_bytes(machine, width);
  }
  template <class Machine>
  static state<Machine> open_state(const Machine& machine, std::byte* bytes, index_t capacity) {
    state<Machine> out{.spatial = {.data = bytes, .shape = parts_of::shape, .capacity = capacity}, .temporal = {}, .mean = {}};
    bytes += parts_of::cache_bytes(machine, capacity);
    for (auto& cache : out.temporal) {
      cache = {.data = bytes, .shape = parts_of::shape, .capacity = segments_of(capacity)};
      bytes += parts_of::cache_bytes(machine, segments_of(capacity));
    }
    out.mean = {machine, bytes, width, length};
    return out;
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine& machine, index_t capacity) {
    const std::size_t usual = parts_of::scratch_bytes(machine, capacity);
    if constexpr (host_machine<Machine>) {
      return usual;
    } else {
      const std::size_t across = attention_across_scratch(machine, parts_of::shape, block_tokens, length, capacity);
      return usual > across ? usual : across;
    }
  }

  template <class Machine>
  static void forward(const pass<Machine>& now, const weights& w, memory<Machine>& state, view<const float, 2> in, view<float, 2> stream) {
    if (looks_ahead && position_of(now.first) != 0) throw error("[mask] is full, and the stream comes in several blocks: the first could not see the last. Fix: causal, or one block.");
    spatial(now, w.spatial, state.spatial, in, stream);
    temporal(now, w.temporal, state.temporal, in, stream);
    channel(now, w, state.mean, in, stream);
  }

  using training = attention_training<parts_of>;
  struct saved {
    typename training::saved spatial, temporal;  ///< the second in the order (place, segment)
    std::vector<std::int32_t> places;            ///< of the rows of that order
    std::vector<float> mean;
  };
  struct gradients {
    typename training::gradients spatial, temporal;
    std::vector<float> channel = zeros(width * width), channel_bias = zeros(width);
  };
  /// The result and the state are forward's; what is kept is computed beside it.
  template <class Machine>
  static void forward_saving(const pass<Machine>& now, const weights& w, memory<Machine>& state, saved& kept, view<const float, 2> in, view<float, 2> stream) {
    kept.mean.clear();
    in_blocks(now, now.tokens, [&](const pass<Machine>& block, index_t done) {  // under a full mask the second says that there may be one alone
      forward(block, w, state, in.rows(done, block.tokens), stream.rows(done, block.tokens));
      const std::vector<float> own = copied(activations.in(now.activations, mean, block.tokens));
      kept.mean.insert(kept.mean.end(), own.begin(), own.end());
    });
    const parts x = training::project(now, w.spatial, kept.spatial, in);
    parts_of::turn(now, x);
    training::attend(now, kept.spatial, x.key, x.value, within_segment, parts_of::score);

    const std::vector<float> turned = in_places(now, in);
    kept.places.clear();
    each_row(now, [&](index_t place, index_t, index_t) { kept.places.push_back(static_cast<std::int32_t>(place)); });
    const parts y = training::project(now, w.temporal, kept.temporal, rows_of(turned, width));
    each_place(kept.places, y, [&](view<float, 3> rows) { rotate(now.machine, Spec::position, rows, 0); });
    training::attend(now, kept.temporal, y.key, y.value, document{kept.places.data()} & Spec::mask, parts_of::score);
  }
  template <class Machine>
  static void backward(const pass<Machine>& now, const weights& w, const saved& kept, view<const float, 2> out_gradient, view<float, 2> in_gradient, gradients& to) {
    typename training::saved d = attention_backward(now, w.spatial, kept.spatial, out_gradient, within_segment, to.spatial);
    training::turn_backward(now, Spec::position, training::heads_of(d));
    training::project_backward(now, w.spatial, kept.spatial, d, in_gradient, to.spatial);

    const std::vector<float> d_out = in_places(now, out_gradient);
    d = attention_backward(now, w.temporal, kept.temporal, rows_of(d_out, width), document{kept.places.data()} & Spec::mask, to.temporal);
    each_place(kept.places, training::heads_of(d), [&](view<float, 3> rows) { rotate_backward(now.machine, Spec::position, rows, 0); });
    std::vector<float> d_turned = zeros(now.tokens * width), d_mean = d_turned;
    training::project_backward(now, w.temporal, kept.temporal, d, rows_of(d_turned, width), to.temporal);
    each_row(now, [&](index_t, index_t t, index_t row) {
      for (index_t i = 0; i < width; ++i) in_gradient(t, i) += d_turned[static_cast<std::size_t>(row * width + i)];
    });

    product_backward(now, rows_of(kept.mean, width), w.channel, out_gradient, rows_of(d_mean, width), to.channel, to.channel_bias.data());
    mean_backward(rows_of(std::as_const(d_mean), width), in_gradient);
  }

 private:
  static constexpr auto within_segment = chunk{.length = static_cast<int>(length)} & Spec::mask;

  // From the gradient of the layer's result to those of q and k as turned and of v.
  template <class Machine, class Mask>
  static typename training::saved attention_backward(const pass<Machine>& now, const typename parts_of::weights& w, const typename training::saved& kept, view<const float, 2> d_out,
                                                     const Mask& mask, typename training::gradients& to) {
    const std::vector<float> d_mixed = training::output_backward(now, w, kept.mixed, d_out, to);
    typename training::saved d = training::zeros_like(kept);
    const parts x = training::heads_of(const_cast<typename training::saved&>(kept)), dx = training::heads_of(d);
    training::attend_backward(now, kept, x.key, x.value, d_mixed, dx.query, dx.key, dx.value, mask, parts_of::score);
    return d;
  }
  // The rows of x in the order (place, segment).
  template <class Machine>
  static std::vector<float> in_places(const pass<Machine>& now, view<const float, 2> x) {
    std::vector<float> out = zeros(now.tokens * width);
    each_row(now, [&](index_t, index_t t, index_t row) { std::copy_n(&x(t, 0), width, out.data() + row * width); });
    return out;
  }
  // Calls f(queries) and f(keys) for the rows of every place.
  template <class F>
  static void each_place(const std::vector<std::int32_t>& places, const parts& x, const F& f) {
    for (std::size_t from = 0, to = 0; from < places.size(); from = to) {
      while (to < places.size() && places[to] == places[from]) ++to;
      f(x.query.rows(static_cast<index_t>(from), static_cast<index_t>(to - from)));
      f(x.key.rows(static_cast<index_t>(from), static_cast<index_t>(to - from)));
    }
  }
  // A token went into the means of its segment from it on, or of the whole segment.
  static void mean_backward(view<const float, 2> d_mean, view<float, 2> in_gradient) {
    const index_t tokens = d_mean.extent[0];
    for (index_t first = 0; first < tokens; first += length) {
      const index_t count = tokens - first < length ? tokens - first : length;
      for (index_t i = 0; i < width; ++i) {
        double whole = 0, later = 0;
        for (index_t t = 0; t < count; ++t) whole += static_cast<double>(d_mean(first + t, i)) / static_cast<double>(count);
        for (index_t t = count - 1; t >= 0; --t) {
          later += static_cast<double>(d_mean(first + t, i)) / static_cast<double>(t + 1);
          in_gradient(first + t, i) += static_cast<float>(looks_ahead ? whole : later);
        }
      }
    }
  }
  static constexpr index_t position_of(index_t first) { return first; }
  static index_t position_of(const auto& place) { return place.first; }
  static constexpr index_t segments_of(index_t tokens) { return (tokens + length - 1) / length; }

  template <class Machine>
  static void spatial(const pass<Machine>& now, const typename parts_of::weights& w, typename memory<Machine>::cache& cache, view<const float, 2> in, view<float, 2> stream) {
    constexpr int dim = parts_of::spec.head_dim;
    const parts x = parts_of::in(activations, now.activations, now.tokens);
    parts_of::project(now, w, in, x);
    parts_of::turn(now, x);
    append(now.machine, cache, x.key, x.value, now.first);
    attend<dim, dim>(now.machine, x.query, cache, x.mixed, within_segment, parts_of::score, now.scratch);
    parts_of::finish(now, w, parts_of::flat(x.mixed), stream);
  }

  // Every place is a sequence of its own.
  template <class Machine>
  static void temporal(const pass<Machine>& now, const typename parts_of::weights& w, std::array<typename memory<Machine>::cache, length>& caches, view<const float, 2> in, view<float, 2> stream)
    requires(!host_machine<Machine>)
  {
    const parts x = parts_of::in(activations, now.activations, now.tokens);
    parts_of::project(now, w, in, x);
    rotate(now.machine, Spec::position, x.query, now.first, length);
    rotate(now.machine, Spec::position, x.key, now.first, length);
    attend_across(now.machine, x.query, x.key, x.value, caches.data(), x.mixed, length, Spec::mask, parts_of::score, now.first, now.scratch);
    parts_of::finish(now, w, parts_of::flat(x.mixed), stream);
  }
  // The block's rows in the order (place, segment).
  template <host_machine Machine>
  static void temporal(const pass<Machine>& now, const typename parts_of::weights& w, std::array<typename parts_of::cache, length>& caches, view<const float, 2> in,
                       view<float, 2> stream) {
    constexpr int dim = parts_of::spec.head_dim;
    const parts x = parts_of::in(activations, now.activations, now.tokens);
    const view<float, 2> turned = activations.in(now.activations, turned_in, now.tokens);
    index_t first_query[length + 1] = {};
    each_row(now, [&](index_t place, index_t t, index_t row) {
      std::copy_n(&in(t, 0), width, &turned(row, 0));
      first_query[place + 1] = row + 1;
    });
    parts_of::project(now, w, turned, x);
    for (index_t place = 0; place < length; ++place) {
      if (first_query[place + 1] == 0) first_query[place + 1] = first_query[place];  // no token of the block is there
      const index_t from = first_query[place], count = first_query[place + 1] - from, segment = (now.first + length - 1 - place) / length;
      caches[static_cast<std::size_t>(place)].length = segment;  // what stands behind is forgotten
      rotate(now.machine, Spec::position, x.query.rows(from, count), segment);
      rotate(now.machine, Spec::position, x.key.rows(from, count), segment);
    }
    const ragged<typename parts_of::cache_number> places{caches.data(), first_query, static_cast<int>(length)};
    append(now.machine, places, x.key, x.value);
    attend<dim, dim>(now.machine, x.query, places, x.mixed, Spec::mask, parts_of::score, now.scratch);
    each_row(now, [&](index_t, index_t t, index_t row) { std::copy_n(&x.mixed(row, 0, 0), parts_of::query_width, &x.query(t, 0, 0)); });
    parts_of::finish(now, w, parts_of::flat(x.query), stream);
  }

  template <class Machine>
  static void channel(const pass<Machine>& now, const weights& w, running_mean<Machine>& seen, view<const float, 2> in, view<float, 2> stream) {
    const view<float, 2> by = activations.in(now.activations, mean, now.tokens);
    follow_mean(now.machine, seen, in, by, now.first, looks_ahead ? mean_of::segment : mean_of::seen);
    const product mixed[] = {{.weights = w.channel, .out = stream, .bias = w.channel_bias.data, .how = finish::add}};
    matmul<parts_of::forms>(now.machine, by, mixed, now.scratch);
  }

  // Calls f(place, token of the block, row) for every row in the order (place, segment).
  template <class Machine, class F>
  static void each_row(const pass<Machine>& now, const F& f) {
    index_t row = 0;
    for (index_t place = 0; place < length; ++place)
      for (index_t t = (place + length - now.first % length) % length; t < now.tokens; t += length) f(place, t, row++);
  }
};

}  // namespace tenon
