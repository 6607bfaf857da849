#pragma once
// Rotary position embeddings (Su et al. 2021, arXiv 2104.09864): pair i of a head's features turns by position * frequency(i).
// Frequencies are computed in double.

#include <concepts>

#include <tenon/core/math.hpp>
#include <tenon/core/view.hpp>

namespace tenon {

/// Which two features of a head make a pair. It is the pairing of the *published* model; readers of weight files undo the
/// permutations that files add.
enum class pairing {
  halves,       ///< (x_i, x_{i + dims/2})
  interleaved,  ///< (x_{2i}, x_{2i+1})
};
using enum pairing;

/// A pairing that must be written down: getting it wrong is the field's most common silent mistake.
struct required_pairing {
  pairing value;

  constexpr required_pairing(pairing named) : value(named) {}
  template <class Dependent = void>
  constexpr required_pairing() : value() {
    static_assert(!std::same_as<Dependent, void>, "[rotary.pairing] has no default: models differ. Fix: name it, .pairing = halves (llama, qwen) or interleaved.");
  }
  constexpr operator pairing() const { return value; }
};

/// Frequencies as they are.
struct unscaled {
  /// The frequency of pair `pair` of `dims` features, from the plain one.
  constexpr double rescale(double frequency, int /*pair*/, int /*dims*/, double /*theta*/) const { return frequency; }
  /// The factor on cosines and sines.
  constexpr double amplitude() const { return 1; }
  /// The factor on the softmax scale.
  constexpr double score_factor() const { return 1; }
};

/// Llama 3's scaling by wavelength: short ones stay, long ones stretch by `factor`, between them a blend. All positive, low < high.
struct llama3 {
  float factor = 8;
  float low = 1;           ///< low_freq_factor
  float high = 4;          ///< high_freq_factor
  float original = 8192;   ///< positions of the training before the extension

  constexpr double rescale(double frequency, int, int, double) const {
    const double wavelength = 2 * 3.14159265358979323846 / frequency;
    if (wavelength < static_cast<double>(original) / high) return frequency;
    if (wavelength > static_cast<double>(original) / low) return frequency / factor;
    const double t = (original / wavelength - low) / (static_cast<double>(high) - low);
    return (1 - t) * frequency / factor + t * frequency;
  }
  constexpr double amplitude() const { return 1; }
  constexpr double score_factor() const { return 1; }
};

/// YaRN (Peng et al. 2023, arXiv 2309.00071): pairs that turn more than beta_fast times within `original` positions stay, those
/// below beta_slow stretch by `factor`, a ramp between. Cosines and sines are scaled by mscale(factor, mscale) /
/// mscale(factor, mscale_all_dim), and the softmax scale by mscale(factor, mscale_all_dim)^2, as DeepSeek does.
struct yarn {
  float factor = 1;
  float original = 4096;
  float beta_fast = 32;
  float beta_slow = 1;
  float mscale = 1;
  float mscale_all_dim = 0;

  /// The pair (fractional) that turns `rotations` times within `original` positions.
  constexpr double pair_of(double rotations, int dims, double theta) const {
    return dims * log(original / (rotations * 2 * 3.14159265358979323846)) / (2 * log(theta));
  }
  constexpr double rescale(double frequency, int pair, int dims, double theta) const {
    const auto floor = [](double x) { const double whole = static_cast<double>(static_cast<long long>(x)); return whole > x ? whole - 1 : whole; };
    double low = floor(pair_of(beta_fast, dims, theta)), high = -floor(-pair_of(beta_slow, dims, theta));
    low = low < 0 ? 0 : low;
    high = high > dims - 1 ? dims - 1 : high;
    if (high == low) high += 0.001;
    double ramp = (pair - low) / (high - low);
    ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
    return frequency / factor * ramp + frequency * (1 - ramp);
  }
  constexpr double amplitude() const { return magnitude(mscale) / magnitude(mscale_all_dim); }
  constexpr double score_factor() const { return mscale_all_dim == 0 ? 1 : magnitude(mscale_all_dim) * magnitude(mscale_all_dim); }

 private:
  constexpr double magnitude(float m) const { return factor <= 1 ? 1 : 0.1 * m * log(static_cast<double>(factor)) + 1; }
};

/// Rotary embedding of the first `dims` features of a head (0: all of them, an even number).
/// `rotary{.theta = 1e5f, .pairing = halves}`, `rotary{.theta = 5e5f, .pairing = halves, .scaling = llama3{.factor = 8}}`.
template <class Scaling = unscaled>
struct rotary {
  float theta = 10000;       ///< the base, above 1
  index_t dims = 0;
  required_pairing pairing;
  Scaling scaling = {};

  /// How many features turn in a head of `head_dim`.
  constexpr index_t turned(index_t head_dim) const { return dims == 0 ? head_dim : dims; }
  /// Radians per position of pair `pair`, 0 <= pair < turned(head_dim) / 2.
  constexpr double frequency(index_t pair, index_t head_dim) const {
    const index_t d = turned(head_dim);
    const double plain = exp2(-2.0 * static_cast<double>(pair) / static_cast<double>(d) * (log(static_cast<double>(theta)) * 1.44269504088896340736));
    return scaling.rescale(plain, static_cast<int>(pair), static_cast<int>(d), theta);
  }
  /// The factor on cosines and sines.
  constexpr double amplitude() const { return scaling.amplitude(); }
  /// The factor on the softmax scale.
  constexpr double score_factor() const { return scaling.score_factor(); }
};

/// No rotation: positions act through the mask alone, or through a bias of the score.
struct no_rotation {
  constexpr index_t turned(index_t) const { return 0; }
  constexpr double frequency(index_t, index_t) const { return 0; }
  constexpr double amplitude() const { return 1; }
  constexpr double score_factor() const { return 1; }
};

/// Tells how fast each pair of features turns.
template <class P>
concept rotation_like = requires(const P& p, index_t i) {
  { p.turned(i) } -> std::same_as<index_t>;
  { p.frequency(i, i) } -> std::same_as<double>;
  { p.amplitude() } -> std::same_as<double>;
  { p.score_factor() } -> std::same_as<double>;
};
static_assert(rotation_like<rotary<>> && rotation_like<rotary<llama3>> && rotation_like<rotary<yarn>> && rotation_like<no_rotation>);

}  // namespace tenon
