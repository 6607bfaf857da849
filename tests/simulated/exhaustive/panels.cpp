// Products with stored weights: random shapes of every storage on sm_80 and gfx942.
#include <tenon/kernels/launch/amd/matmul.hpp>
#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "../panel_matmul.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

template <class Arch, template <class, class, int> class Words>
void random_shapes() {
  using leaf = typename simulated<Arch>::leaf;
  std::mt19937 random(77);
  for (int trial = 0; trial < 8; ++trial)
    for (const storage kind : {storage::i8, storage::q8_0, storage::q4_0, storage::q4_1, storage::q4_k, storage::q6_k})
      with_integer_panel(kind, [&](auto format) {
        const int block = block_values(kind), tokens = 1 + static_cast<int>(random() % 150), rows = 1 + static_cast<int>(random() % 280);
        const int depth = block == 1 ? 1 + static_cast<int>(random() % 400) : block * (1 + static_cast<int>(random() % (block == 256 ? 3 : 12)));
        INFO(std::string(name(kind)), ": ", tokens, " x ", rows, " x ", depth);
        stored_case c(kind, tokens, rows, depth, random);
        const simulated<Arch> machine({.schedule = trial % 3 == 0   ? simulation::schedule::round_robin
                                                   : trial % 3 == 1 ? simulation::schedule::reversed
                                                                    : simulation::schedule::random,
                                       .seed = static_cast<unsigned>(trial),
                                       .copies = trial % 2 == 0 ? simulation::copies::lazy : simulation::copies::eager});
        run_panels<leaf, Words<leaf, decltype(format), 1>>(machine, c);
        // A minimum rounds some weights to the other of two neighbours: 1 in 2,000, by 2^-8.
        CHECK(matmul_cases::relative_l2(c.out, c.want(true)) < (kind == storage::q4_1 || kind == storage::q4_k ? 4e-4 : 2e-6));
        INFO(machine.report().text());
        CHECK(machine.report().clean());
      });
}

TEST_CASE("random shapes on sm_80") { random_shapes<sm80, nvidia_panel_matmul>(); }
TEST_CASE("random shapes on gfx942") { random_shapes<gfx942, amd_panel_matmul>(); }

}  // namespace
