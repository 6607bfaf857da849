#pragma once
// Whether a spec turns queries and keys by the frequencies that a weights file states.

#include <cmath>
#include <optional>
#include <string>

#include <tenon/model/weights/weights_file.hpp>
#include <tenon/policies/position.hpp>

namespace tenon::detail {

/// The radians per position of pair `pair` that `file` states, with `position`'s own theta and dims; nothing where it states no
/// scaling, NaN where the scaling is of a kind that tenon does not have. GGUF files of Llama 3 models have one divisor per
/// frequency, the tensor rope_freqs.weight; all others name a formula and its numbers.
template <class Position>
std::optional<double> stated_frequency(const weights_file& file, const Position& position, index_t head_dim, index_t pair) {
  const metadata& facts = file.facts();
  const std::string key = std::string(facts.text("general.architecture").value_or("")) + ".rope.scaling.";
  const auto turned_by = [&](auto scaling) {
    return rotary<decltype(scaling)>{.theta = position.theta, .dims = position.dims, .pairing = position.pairing, .scaling = scaling}.frequency(pair, head_dim);
  };
  const auto number = [&](const char* name, float otherwise) { return static_cast<float>(facts.real(key + name).value_or(static_cast<double>(otherwise))); };
  const float factor = number("factor", 1), original = number("original_context_length", 8192);
  if (const stored_tensor* divisors = file.find("rope_freqs.weight")) {
    float divisor = 1;
    if (divisors->matrix.rows != position.turned(head_dim) / 2 || divisors->matrix.columns != 1 || divisors->matrix.kind != storage::f32) return std::nan("");
    divisors->matrix.decode_row(pair, &divisor);
    return turned_by(unscaled{}) / static_cast<double>(divisor);
  }
  const auto type = facts.text(key + "type");
  if (!type) return {};
  if (*type == "none") return turned_by(unscaled{});
  if (*type == "linear") return turned_by(unscaled{}) / static_cast<double>(factor);
  if (*type == "llama3") return turned_by(llama3{.factor = factor, .low = number("low_freq_factor", 1), .high = number("high_freq_factor", 4), .original = original});
  if (*type == "yarn") return turned_by(yarn{.factor = factor, .original = original, .beta_fast = number("yarn_beta_fast", 32), .beta_slow = number("yarn_beta_slow", 1)});
  return std::nan("");
}

/// What differs between the frequencies of `position` and those that `file` states, as one sentence; empty when they agree.
template <class Position>
std::string fit_rotation(const weights_file& file, const Position& position, index_t head_dim) {
  if constexpr (requires { position.scaling, position.pairing; }) {
    for (index_t pair = 0; pair < position.turned(head_dim) / 2; ++pair) {
      const double ours = position.frequency(pair, head_dim);
      const auto theirs = stated_frequency(file, position, head_dim, pair);
      if (!theirs) return {};
      if (std::abs(*theirs - ours) <= 1e-4 * ours) continue;
      const std::string key = std::string(file.facts().text("general.architecture").value_or("")) + ".rope.scaling.";
      const stored_tensor* divisors = file.find("rope_freqs.weight");
      const std::string source = divisors != nullptr ? "the tensor 'rope_freqs.weight' [" + std::to_string(divisors->matrix.rows) + "]"
                                                     : "the scaling '" + std::string(file.facts().text(key + "type").value_or("")) + "'";
      if (std::isnan(*theirs))
        return "[position.scaling] turns " + std::to_string(position.turned(head_dim) / 2) + " pairs; the file states " + source + ", which does not apply to them.";
      return "[position.scaling] turns pair " + std::to_string(pair) + " by " + std::to_string(ours) + " radians a token; the file states " + source + ", which makes it " + std::to_string(*theirs) + ".";
    }
  }
  return {};
}

}  // namespace tenon::detail
