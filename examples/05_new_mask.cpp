// A mask of one's own: the strided pattern of sparse transformers [Child et al. 2019]. A query sees its own block of `stride`
// positions and the last key of every block before it. The cover is optional; with it, kernels skip tiles that see nothing.

#include <cstdio>
#include <vector>

#include <tenon/kernels/launch/attention.hpp>

struct strided {
  int stride;
  constexpr bool keep(tenon::position p) const { return p.key / stride == p.query / stride || p.key % stride == stride - 1; }
  constexpr tenon::cover covers(tenon::tile t) const {
    const bool own_block = t.k0 / stride <= (t.q1 - 1) / stride && t.q0 / stride <= (t.k1 - 1) / stride;
    const bool some_last = t.k1 / stride > t.k0 / stride;  // a last key lies in [k0, k1)
    if (!own_block && !some_last) return tenon::cover::none;
    const bool one_block = t.q0 / stride == (t.q1 - 1) / stride && t.k0 / stride == t.q0 / stride && (t.k1 - 1) / stride == t.q0 / stride;
    return one_block ? tenon::cover::all : tenon::cover::some;
  }
};

int main() {
  constexpr int tokens = 512, tile = 16, dim = 16;
  const auto mask = tenon::causal{} & strided{.stride = 64};
  int counts[3] = {};
  for (int i = 0; i < tokens; i += tile)
    for (int j = 0; j < tokens; j += tile) ++counts[static_cast<int>(tenon::covers(mask, {.q0 = i, .q1 = i + tile, .k0 = j, .k1 = j + tile}))];
  std::printf("of %d tiles %d are skipped and %d need no mask\n", (tokens / tile) * (tokens / tile), counts[0], counts[2]);

  // Values are 1 where the mask keeps the key of the last query, else far away: the output shows what was seen.
  std::vector<float> zero(tokens * dim), v(tokens * dim), out(dim);
  for (int j = 0; j < tokens; ++j)
    for (int c = 0; c < dim; ++c) v[static_cast<std::size_t>(j * dim + c)] = mask.keep({.query = tokens - 1, .key = j}) ? 1.0f : 1e6f;
  const auto four = [](auto& x, int rows) { return tenon::view<float, 4>(x.data(), 1, rows, 1, dim); };
  attend(tenon::cpu{}, four(zero, 1), four(zero, tokens), four(v, tokens), four(out, 1), mask);
  std::printf("the last query sees values of %g\n", static_cast<double>(out[0]));
  return out[0] == 1.0f && counts[0] > counts[1] ? 0 : 1;
}
