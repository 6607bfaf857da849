// The attention kernels of AMD's other GPUs, one problem each; exhaustive/ has the rest (attention_runs.hpp).
#include "attention_runs.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE_TEMPLATE("causal, ragged, grouped heads", Arch, gfx90a, gfx1100, gfx1201) {
  check_attention<Arch, attention_problem<causal, scaled, 128, 4>>({{1, 4, 1, 37, 140}, {}});
}

}  // namespace
