#pragma once
// Launches products with weights in panels on a simulated machine: x is arranged by its kernel first.

#include <cstring>

#include <tenon/kernels/launch/gpu/panel_matmul.hpp>
#include <tenon/kernels/launch/simulated.hpp>

#include "stored_case.hpp"

namespace tenon::testing {

/// Words: of one matrix. Leaf may be another than the machine's.
template <class Leaf, class Words, class Machine>
void run_panels(const Machine& machine, stored_case& c, int shared_bytes = Words::shared_bytes) {
  const int padded = (c.depth + 63) / 64 * 64;
  std::vector<bf16> arranged(stored_case::count(c.tokens, padded) + stored_case::slack);
  c.show(machine);
  machine.writable(arranged.data(), stored_case::count(c.tokens, padded) * sizeof(bf16), "arranged x");
  using arrange = arrange_body<typename Machine::leaf, Words>;
  machine.launch({c.tokens, 1, 1}, {arrange::threads}, 0, arrange{c.x.data(), arranged.data(), c.depth, c.depth, padded, c.depth % 2 == 0});
  using body = panel_matmul_body<Leaf, Words, float, added>;
  const body b{{arranged.data(), {c.panels.data()}, padded, static_cast<index_t>(c.panel_pitch), c.tokens, (c.rows + 15) / 16, padded},
               {c.out.data(), c.bias.data(), nullptr, c.tokens, c.rows, c.rows, 0, {}}};
  const auto tiles = [](int n, int of) { return (n + of - 1) / of; };
  machine.launch({tiles(c.rows, Words::block_rows), tiles(c.tokens, Words::block_tokens), 1}, {Words::threads}, static_cast<std::size_t>(shared_bytes), b);
  machine.forget(arranged.data());
}

}  // namespace tenon::testing
