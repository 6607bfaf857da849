// Debugs a mask of one's own on a GPU that is not there: the GPU's own kernel, executed on this processor, beside the
// definition of attention, which asks the mask about each pair of query and key alone.
// `tenon_debug_gpu_mask --wrong` runs a mask with a slip in it and says what to type in gdb.

#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include <tenon/kernels/launch/simulated_attention.hpp>
#include <tenon/kernels/reference/attention.hpp>

/// Keys at most `width` away, before or behind; `covers` spares kernels the tiles of scores that are all or none of them seen.
struct band {
  int width, slip;  // slip: 0 is right
  TENON_BOTH constexpr bool keep(tenon::position p) const {
    const int apart = p.query - p.key;
    return apart <= width && -apart <= width;
  }
  TENON_BOTH constexpr tenon::cover covers(tenon::tile t) const {
    const int most = t.q1 - 1 - t.k0, least = t.q0 - (t.k1 - 1);  // of query - key in this tile
    if (least > width || -most > width) return tenon::cover::none;
    return most <= width + slip && -least <= width + slip ? tenon::cover::all : tenon::cover::some;
  }
};

int main(int count, char** words) {
  const band mask{.width = 90, .slip = count > 1 && std::strcmp(words[1], "--wrong") == 0 ? 20 : 0};
  constexpr tenon::index_t tokens = 200, heads = 2, dim = 64;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> q(tokens * heads * dim), k(q.size()), v(q.size()), out(q.size());
  std::vector<double> want(q.size());
  for (auto* all : {&q, &k, &v})
    for (float& x : *all) x = normal(random);
  const auto one = [](auto& values) { return tenon::view(values.data(), 1, tokens, heads, dim); };  // [batch, token, head, dim]

  const tenon::simulated<tenon::sm80> gpu({.schedule = tenon::simulation::schedule::random, .copies = tenon::simulation::copies::lazy});
  tenon::attend(gpu, one(q), one(k), one(v), one(out), mask);
  tenon::reference::attend<float>(one(q)[0], one(k)[0], one(v)[0], one(want)[0], mask, tenon::scaled{});
  std::fputs(gpu.report().text().c_str(), stdout);

  for (tenon::index_t token = 0; token < tokens; ++token)
    for (tenon::index_t i = token * heads * dim; i < (token + 1) * heads * dim; ++i) {
      const double got = static_cast<double>(out[static_cast<std::size_t>(i)]), right = want[static_cast<std::size_t>(i)];
      if (std::fabs(got - right) <= 0.03) continue;  // operands are rounded to bf16
      std::printf("Query %td is %.3f and should be %.3f. In gdb (build with --preset debug): break band::covers if t.q0 <= %td && %td < t.q1\n", token, got, right,
                  token, token);
      return 1;
    }
  std::puts(gpu.report().clean() ? "The mask is right." : "The kernel is at fault. In gdb (build with --preset debug): break tenon::simulated_fault, then up.");
  return gpu.report().clean() ? 0 : 1;
}
