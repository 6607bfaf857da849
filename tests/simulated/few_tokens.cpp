// Products of few tokens on GPUs, executed under simulation: every storage on both machines, in the order of any schedule.
#include <doctest/doctest.h>

#include <tenon/kernels/launch/gpu/few_tokens.hpp>
#include <tenon/kernels/launch/simulated.hpp>

#include "orders.hpp"
#include "stored_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

template <class Arch, class Format, int Tokens>
void run(const simulated<Arch>& machine, stored_case& c) {
  using body = few_tokens_body<typename simulated<Arch>::leaf, Format, Tokens, 1, float, added>;
  c.show(machine);
  body b{};
  b.x = c.x.data(), b.w[0] = c.panels.data(), b.x_stride = c.depth, b.pitch = static_cast<index_t>(c.panel_pitch), b.depth = c.depth;
  b.wide = c.depth % 4 == 0 && reinterpret_cast<std::uintptr_t>(c.x.data()) % 16 == 0;
  b.sink = {c.out.data(), c.bias.data(), nullptr, c.tokens, c.rows, c.rows, 0, {}};
  machine.launch({(c.rows + 15) / 16, (c.tokens + Tokens - 1) / Tokens, 1}, {body::threads}, body::shared_bytes, b);
}

template <class Arch>
void every_storage() {
  std::mt19937 random(11);
  for (const storage kind : tenon::every_storage)
    with_device_weights(kind, [&](auto format) {
      using Format = decltype(format);
      const int block = block_values(kind);
      for (const auto& [tokens, rows, depth] : {std::tuple{1, 37, 5 * block}, {1, 16, block == 256 ? 2304 : 1088}, {6, 21, block == 1 ? 101 : 3 * block}}) {
        INFO(std::string(name(kind)), ": ", tokens, " x ", rows, " x ", depth);
        stored_case c(kind, tokens, rows, depth, random);
        const auto want = c.want(false);
        std::vector<float> first;
        for (const order& o : orders) {
          const simulated<Arch> machine({.schedule = o.schedule, .copies = o.copies});
          run<Arch, Format, 1>(machine, c);
          CHECK(matmul_cases::relative_l2(c.out, want) < 1e-6);
          if (first.empty()) first = c.out;
          CHECK(first == c.out);
          run<Arch, Format, 4>(machine, c);
          CHECK(first == c.out);  // in whatever company
          INFO(machine.report().text());
          CHECK(machine.report().clean());
        }
      }
    });
}

#if !defined(TENON_TEST_ARCHS)
#define TENON_TEST_ARCHS sm80, gfx942
#endif
TEST_CASE_TEMPLATE("few tokens: every storage, the same bits alone and in company", Arch, TENON_TEST_ARCHS) { every_storage<Arch>(); }

TEST_CASE_TEMPLATE("an infinite weight gives infinity, not a NaN, however few parts the depth has", Arch, TENON_TEST_ARCHS) {
  std::mt19937 random(12);
  for (const int depth : {40, 64, 1088}) {
    stored_case c(storage::bf16, 1, 16, depth, random);
    reinterpret_cast<bf16*>(c.panels.data())[3] = bf16(INFINITY);
    c.x[3] = 2;
    const simulated<Arch> machine;
    run<Arch, bf16_rows, 1>(machine, c);
    CHECK(c.out[0] == INFINITY);
    for (std::size_t i = 1; i < 16; ++i) CHECK(std::isfinite(c.out[i]));
    CHECK(machine.report().clean());
  }
}

}  // namespace
