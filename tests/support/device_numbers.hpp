#pragma once
// Memory of a machine with random numbers in it, and distances.

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include <tenon/kernels/launch/machine_types.hpp>

namespace tenon::testing {

/// Memory of a machine that holds these numbers, or none yet.
template <class Machine, class T>
class device_numbers {
 public:
  device_numbers(const Machine& machine, const std::vector<T>& of) : device_numbers(machine, of.size()) { machine.copy(memory_.data(), of.data(), of.size() * sizeof(T)); }
  device_numbers(const Machine& machine, std::size_t count) : memory_(allocate(machine, count * sizeof(T), "an array of a test")), count_(count) {}
  T* data() const { return reinterpret_cast<T*>(memory_.data()); }
  std::vector<T> host() const { return {data(), data() + count_}; }

 private:
  typename memory_on<Machine>::type memory_;
  std::size_t count_;
};

/// An array of the host, as cases make theirs: of so many, called so.
template <class T>
struct host_array : std::vector<T> {
  host_array(std::size_t n, const char*) : std::vector<T>(n) {}
};

inline std::vector<float> noise(index_t count, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(static_cast<std::size_t>(count));
  for (float& x : out) x = normal(random);
  return out;
}
inline std::vector<double> doubles(const std::vector<float>& of) { return {of.begin(), of.end()}; }

/// |got - want| / |want|; infinite where something is no number.
template <class Numbers>
double apart(const Numbers& got, const std::vector<double>& want) {
  double off = 0, size = 0;
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double d = static_cast<double>(got[i]) - want[i];
    off += d * d, size += want[i] * want[i];
  }
  const double all = std::sqrt(size == 0 ? off : off / size);
  return std::isnan(all) ? INFINITY : all;
}

}  // namespace tenon::testing
