#pragma once
// What is kept of the logits of 2,000 positions: enough to tell relative L2, argmax and perplexity without the 400 MB themselves.
// The same numbers as tests/oracles/common.py saves.

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "distance.hpp"
#include "npy.hpp"

namespace tenon_test {

/// Facts of teacher-forced logits, row by row. Each row is projected on 16 vectors of +-1: for a difference d of two rows,
/// the mean over k of (r_k . d)^2 estimates |d|^2 without bias, so over 2,000 rows the relative L2 is known to about 1 %.
struct fingerprint {
  static constexpr std::size_t projections = 16;
  std::vector<std::int32_t> argmax;
  std::vector<float> gap;              ///< between the best two logits
  std::vector<float> log_probability;  ///< of the token that follows
  std::vector<float> norm;
  std::vector<float> projection;       ///< [row, 16]

  /// What an oracle saved under tests/data/model/<folder>.
  static fingerprint load(const std::string& folder) {
    return {load_npy<std::int32_t>(folder + "/argmax"), load_npy<float>(folder + "/gap"), load_npy<float>(folder + "/log_probability"), load_npy<float>(folder + "/norm"),
            load_npy<float>(folder + "/projection")};
  }

  /// Appends the facts of one row of logits, which is followed by token `next`.
  void add(std::span<const float> row, std::int32_t next) {
    const std::vector<float>& sign = signs(row.size());
    double projected[projections] = {}, square = 0, exponentials = 0;
    const std::size_t best = tenon_test::argmax(row);
    float second = -INFINITY;
    for (std::size_t first = 0; first < row.size(); first += 256) {  // fp32 sums only within a short run
      float sums[projections] = {};
      for (std::size_t v = first; v < std::min(first + 256, row.size()); ++v) {
        for (std::size_t k = 0; k < projections; ++k) sums[k] += sign[v * projections + k] * row[v];
        square += static_cast<double>(row[v]) * static_cast<double>(row[v]);
        exponentials += static_cast<double>(std::exp(row[v] - row[best]));
        if (v != best && row[v] > second) second = row[v];
      }
      for (std::size_t k = 0; k < projections; ++k) projected[k] += static_cast<double>(sums[k]);
    }
    argmax.push_back(static_cast<std::int32_t>(best));
    gap.push_back(row[best] - second);
    log_probability.push_back(row[static_cast<std::size_t>(next)] - row[best] - static_cast<float>(std::log(exponentials)));
    norm.push_back(static_cast<float>(std::sqrt(square)));
    for (const double p : projected) projection.push_back(static_cast<float>(p));
  }

  std::size_t rows() const { return argmax.size(); }
  double perplexity() const {
    double sum = 0;
    for (const float p : log_probability) sum += static_cast<double>(p);
    return std::exp(-sum / static_cast<double>(rows()));
  }

 private:
  // [vocabulary, 16]: bit k of splitmix64(v) is the sign of entry v in vector k (set: minus).
  static const std::vector<float>& signs(std::size_t vocabulary) {
    static std::vector<float> made;
    for (std::size_t v = made.size() / projections; v < vocabulary; ++v) {
      std::uint64_t z = (v + 1) * 0x9E3779B97F4A7C15u;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
      z ^= z >> 31;
      for (std::size_t k = 0; k < projections; ++k) made.push_back((z >> k) & 1u ? -1.f : 1.f);
    }
    return made;
  }
};

/// The root mean square, over rows and vocabulary, of the difference of two sets of logits.
inline double rms_difference(const fingerprint& a, const fingerprint& b, std::size_t vocabulary) {
  double sum = 0;
  for (std::size_t i = 0; i < b.projection.size(); ++i) sum += std::pow(static_cast<double>(a.projection.at(i)) - static_cast<double>(b.projection[i]), 2);
  return std::sqrt(sum / static_cast<double>(b.projection.size()) / static_cast<double>(vocabulary));
}
/// |a - b| / |b| over all rows.
inline double relative_l2(const fingerprint& a, const fingerprint& b, std::size_t vocabulary) {
  double square = 0;
  for (const float n : b.norm) square += static_cast<double>(n) * static_cast<double>(n);
  return rms_difference(a, b, vocabulary) / std::sqrt(square / static_cast<double>(b.rows()) / static_cast<double>(vocabulary));
}
/// The share of rows with one argmax, among those where the best two of `b` are more than `apart` apart.
inline double same_argmax(const fingerprint& a, const fingerprint& b, double apart = -1) {
  double same = 0, judged = 0;
  for (std::size_t i = 0; i < b.rows(); ++i)
    if (static_cast<double>(b.gap[i]) > apart) ++judged, same += a.argmax.at(i) == b.argmax[i];
  return same / judged;
}

}  // namespace tenon_test
