#pragma once
// Products with weights in panels on a simulated machine: x is arranged by its kernel first.

#include <doctest/doctest.h>

#include <string>

#include <tenon/kernels/launch/nvidia/matmul_sm90a.hpp>
#include <tenon/kernels/launch/simulated.hpp>

#include "orders.hpp"
#include "stored_case.hpp"

namespace tenon::testing {

/// The kernel of these words, x mapped where they take it so.
template <class Leaf, class Words>
auto panel_body(const typename Words::source& in, const device_sink<Leaf, float>& sink) {
  if constexpr (requires { requires std::is_same_v<typename Words::operand, tensor_map>; })
    return panel_tensor_body<Leaf, Words, float, added>{simulation::encode(operand_shape(in.x, in.tokens, in.deep, in.x_stride, Words::block_tokens)), in, sink};
  else
    return panel_matmul_body<Leaf, Words, float, added>{in, sink};
}

/// Words: of one matrix. Leaf may be another than the machine's. change(body) changes what the kernel is given.
template <class Leaf, class Words, class Machine, class Change>
void run_panels(const Machine& machine, stored_case& c, int shared_bytes, Change&& change) {
  const int padded = (c.depth + 63) / 64 * 64;
  std::vector<bf16> arranged(stored_case::count(c.tokens, padded) + stored_case::slack);
  c.show(machine);
  machine.writable(arranged.data(), stored_case::count(c.tokens, padded) * sizeof(bf16), "arranged x");
  using arrange = arrange_body<typename Machine::leaf, Words>;
  machine.launch({c.tokens, 1, 1}, {arrange::threads}, 0, arrange{c.x.data(), arranged.data(), c.depth, c.depth, padded, c.depth % 2 == 0});
  auto b = panel_body<Leaf, Words>({arranged.data(), {c.panels.data()}, padded, static_cast<index_t>(c.panel_pitch), c.tokens, (c.rows + 15) / 16, padded},
                                   {c.out.data(), c.bias.data(), nullptr, c.tokens, c.rows, c.rows, 0, {}});
  change(b);
  const auto tiles = [](int n, int of) { return (n + of - 1) / of; };
  machine.launch({tiles(c.rows, Words::block_rows), tiles(c.tokens, Words::block_tokens), 1}, {Words::threads}, static_cast<std::size_t>(shared_bytes), b);
  machine.forget(arranged.data());
}
template <class Leaf, class Words, class Machine>
void run_panels(const Machine& machine, stored_case& c) {
  run_panels<Leaf, Words>(machine, c, Words::shared_bytes, [](auto&) {});
}

/// Every storage, with every check, in every order: right, and the same bits.
template <class Arch, template <class, class, int> class Words>
void every_panel() {
  using leaf = typename simulated<Arch>::leaf;
  std::mt19937 random(5);
  for (const storage kind : {storage::i8, storage::q8_0, storage::q4_0, storage::q4_1, storage::q4_k, storage::q6_k})
    with_integer_panel(kind, [&](auto format) {
      using words = Words<leaf, decltype(format), 1>;
      const int block = block_values(kind);
      INFO(std::string(name(kind)));
      stored_case c(kind, 5, 150, block == 256 ? 256 : block == 32 ? 288 : 83, random);
      const auto want = c.want(true);
      std::vector<float> first;
      for (const order& o : orders) {
        const simulated<Arch> machine({.schedule = o.schedule, .seed = 7, .copies = o.copies});
        run_panels<leaf, words>(machine, c);
        CHECK(matmul_cases::relative_l2(c.out, want) < (kind == storage::q4_1 || kind == storage::q4_k ? 2e-5 : 1e-6));  // some minima round the other way
        if (first.empty()) first = c.out;
        CHECK(first == c.out);
        INFO(machine.report().text());
        CHECK(machine.report().clean());
        CHECK(machine.report().bank_conflicts == 0);
      }
    });
}

}  // namespace tenon::testing
