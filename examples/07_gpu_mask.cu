// A mask of one's own on an NVIDIA GPU: the call is that of every machine, and the mask is the same text. Compiled by nvcc, with tenon::cuda.
// Without a GPU: one sentence, and exit code 1.

#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include <tenon/kernels/launch/nvidia/machine.hpp>
#include <tenon/kernels/reference/attention.hpp>
#include <tenon/policies/mask.hpp>

/// Every query sees its own sentence, of `length` tokens, and the first token of each sentence before.
struct sentences {
  int length;
  TENON_BOTH constexpr bool keep(tenon::position p) const {
    return p.key <= p.query && (p.query / length == p.key / length || p.key % length == 0);
  }
};

int main() try {
  const tenon::nvidia gpu{0};
  const auto facts = gpu.facts();
  std::printf("%s, %s: %d multiprocessors, %zu MiB\n", facts.name, facts.arch, facts.multiprocessors, facts.memory_bytes >> 20);

  constexpr tenon::index_t tokens = 300, heads = 2, dim = 64;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> q(tokens * heads * dim), k(q.size()), v(q.size()), out(q.size());
  std::vector<double> want(q.size());
  for (auto* all : {&q, &k, &v})
    for (float& x : *all) x = normal(random);
  const auto one = [](auto& values) { return tenon::view(values.data(), 1, tokens, heads, dim); };  // [batch, token, head, dim]

  const sentences mask{.length = 20};
  tenon::attend(gpu, one(q), one(k), one(v), one(out), mask);
  tenon::reference::attend<float>(one(q)[0], one(k)[0], one(v)[0], one(want)[0], mask, tenon::scaled{});

  double away = 0, size = 0;
  for (std::size_t i = 0; i < out.size(); ++i) away += std::pow(out[i] - want[i], 2), size += want[i] * want[i];
  std::printf("away from the definition by %.1e: bf16 rounds by 4e-3\n", std::sqrt(away / size));
  return std::sqrt(away / size) <= 1e-2 ? 0 : 2;
} catch (const tenon::error& fault) {
  std::puts(fault.what());
  return 1;
}
