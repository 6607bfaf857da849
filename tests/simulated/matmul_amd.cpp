// The product kernels of AMD's other GPUs, one problem of each number; exhaustive/ has the rest (matmul_runs.hpp).
#include "matmul_runs.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

template <class Arch, class... Numbers>
void check() {
  (check_matmul<Arch, product_of<Numbers, float>>(33, 40, 71, true, 3), ...);
}

TEST_CASE("gfx90a") { check<gfx90a, bf16, f16, std::int8_t>(); }
TEST_CASE("gfx1100") { check<gfx1100, bf16, f16, std::int8_t>(); }
TEST_CASE("gfx1201") { check<gfx1201, bf16, f16, std::int8_t, e4m3>(); }

}  // namespace
