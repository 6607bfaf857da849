#pragma once
// Gates of a gated feed-forward, down(open(x Wg, x Wu)): how the gate's product opens or closes the other one.
// GLU variants: Shazeer 2020, arXiv 2002.05202. A gate is recognised by its verb `open(T gate, T up) -> T`, which is
// written for any number: float in kernels, double in oracles, dual numbers for the slopes.

#include <concepts>

#include <tenon/core/dual.hpp>
#include <tenon/core/math.hpp>
#include <tenon/core/view.hpp>

namespace tenon {

/// Has the verb of a gate.
template <class G>
concept gate_like = requires(const G& g, float x, double y) {
  { g.open(x, x) } -> std::same_as<float>;
  { g.open(y, y) } -> std::same_as<double>;
};

/// gate * sigma(gate) * up (swish with beta = 1).
struct silu {
  template <number T>
  TENON_BOTH TENON_INLINE constexpr T open(T gate, T up) const {
    return gate * logistic(gate) * up;
  }
};
/// gate * Phi(gate) * up, Phi the normal distribution function: the exact GELU (Hendrycks and Gimpel 2016, arXiv 1606.08415).
struct gelu {
  template <number T>
  TENON_BOTH TENON_INLINE constexpr T open(T gate, T up) const {
    return gate * (0.5f * (1.0f + erf(gate * T(0.70710678118654752440)))) * up;
  }
};
/// The tanh approximation of GELU, as published with BERT and GPT-2: 0.5 g (1 + tanh(sqrt(2/pi) (g + 0.044715 g^3))) * up.
struct gelu_tanh {
  template <number T>
  TENON_BOTH TENON_INLINE constexpr T open(T gate, T up) const {
    const T inner = T(0.79788456080286535588) * (gate + T(0.044715) * gate * gate * gate);
    return gate * (0.5f * (1.0f + tanh(inner))) * up;
  }
};
/// max(gate, 0) * up. The slope at 0 is 0.
struct relu {
  template <number T>
  TENON_BOTH TENON_INLINE constexpr T open(T gate, T up) const {
    return choose(gate > T(0), gate, T(0)) * up;
  }
};
/// max(gate, 0)^2 * up (So et al. 2021, arXiv 2109.08668).
struct relu_squared {
  template <number T>
  TENON_BOTH TENON_INLINE constexpr T open(T gate, T up) const {
    const T positive = choose(gate > T(0), gate, T(0));
    return positive * positive * up;
  }
};
/// sigma(gate) * up: the first gated linear unit (Dauphin et al. 2016, arXiv 1612.08083).
struct sigmoid_gate {
  template <number T>
  TENON_BOTH TENON_INLINE constexpr T open(T gate, T up) const {
    return logistic(gate) * up;
  }
};
/// gate * up: the bilinear unit.
struct bilinear {
  template <number T>
  TENON_BOTH TENON_INLINE constexpr T open(T gate, T up) const {
    return gate * up;
  }
};
/// g * sigma(alpha g) * (u + 1) with g = min(gate, limit), u = up within +-limit (gpt-oss: alpha 1.702, limit 7).
/// `limit` is positive. Beyond the limits the slopes are 0.
struct clamped_silu {
  float alpha = 1.702f;
  float limit = 7.0f;

  template <number T>
  TENON_BOTH TENON_INLINE constexpr T open(T gate, T up) const {
    const T bound = T(limit);
    const T g = choose(gate > bound, bound, gate);
    const T below = choose(up > bound, bound, up), u = choose(below < -bound, -bound, below);
    return g * logistic(alpha * g) * (u + 1.0f);
  }
};

/// The function of a gate by itself, open(gate, 1), as a layer without gates uses it: alone{silu{}}.
template <gate_like Gate>
struct alone {
  Gate gate = {};

  template <number T>
  TENON_BOTH TENON_INLINE constexpr T open(T gate_value, T) const {
    return gate.open(gate_value, T(1));
  }
};
/// A gate in a model: the gate and `hidden`, the width between the products.
template <gate_like Gate>
struct gated {
  index_t hidden = 0;
  Gate gate = {};

  template <number T>
  TENON_BOTH TENON_INLINE constexpr T open(T gate_value, T up) const {
    return gate.open(gate_value, up);
  }
};
/// SwiGLU (llama, qwen, deepseek): `static constexpr auto gate = swiglu{.hidden = 1536};`
struct swiglu {
  index_t hidden = 0;

  template <number T>
  TENON_BOTH TENON_INLINE constexpr T open(T gate, T up) const {
    return silu{}.open(gate, up);
  }
};
/// GEGLU with the tanh approximation (gemma).
struct geglu {
  index_t hidden = 0;

  template <number T>
  TENON_BOTH TENON_INLINE constexpr T open(T gate, T up) const {
    return gelu_tanh{}.open(gate, up);
  }
};
/// The clamped SwiGLU of gpt-oss.
struct clamped_swiglu {
  index_t hidden = 0;
  float alpha = 1.702f;
  float limit = 7.0f;

  template <number T>
  TENON_BOTH TENON_INLINE constexpr T open(T gate, T up) const {
    return clamped_silu{.alpha = alpha, .limit = limit}.open(gate, up);
  }
};

/// The value of a gate and its derivatives with respect to both operands.
template <machine_float T>
struct gate_slopes {
  T value, gate, up;
};
/// By the gate's own `slopes(gate, up)` if it has one, else by dual numbers.
template <gate_like Gate, machine_float T>
TENON_BOTH TENON_INLINE constexpr gate_slopes<T> slopes(const Gate& g, T gate, T up) {
  if constexpr (requires { { g.slopes(gate, up) } -> std::same_as<gate_slopes<T>>; }) {
    return g.slopes(gate, up);
  } else {
    const auto out = g.open(dual<T, 2>::variable(gate, 0), dual<T, 2>::variable(up, 1));
    return {out.value, out.slope[0], out.slope[1]};
  }
}

static_assert(gate_like<silu> && gate_like<swiglu> && gate_like<gated<relu>>);

}  // namespace tenon
