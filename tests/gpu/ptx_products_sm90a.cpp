// Products of 8 bits for sm_90a through their launch functions, as the PTX that nvcc makes of their kernels, executed and compared with double precision.
#include <tenon/kernels/launch/nvidia/words.hpp>

#include "../simulated/products_numbers.hpp"
#include "products_problems.hpp"
#include "ptx_breaks.hpp"
#include "ptx_machine.hpp"

namespace {

using namespace tenon_test;
using kernels = product_kernels<tenon::words_of<tenon::sm90a>, ptx_leaf>;
template <class Problem>
using of_maps = tenon::matmul_tensor_body<ptx_leaf, kernels::words<tenon::e4m3, tenon::problem_matrices<Problem>>, Problem>;
using tiles_of_maps = of_maps<tenon::device_product<tenon::e4m3>>;
using gated_of_maps = of_maps<tenon::gated_product<tenon::e4m3, float, tenon::swiglu>>;
using opened_of_maps = of_maps<tenon::gated_product<tenon::e4m3, tenon::e4m3, tenon::swiglu>>;

}  // namespace

TENON_TEST_KERNELS_SM90A(TENON_TEST_NAME)

namespace {

using machine = ptx_machine_of<tenon::sm90a>;
ptx::Module& module() {
  static ptx::Module loaded = ptx::load(TENON_TEST_PTX);
  return loaded;
}

// The executor watches copies by words of 32 bits, so depths are multiples of four numbers here; under simulation they end anywhere.
TEST_CASE("whole numbers: weights stored as i8, with a scale per row, finer ones, none") {
  for (const ptx::Options& way : ptx_ways()) tenon::testing::check_products_of_8_bits<std::int8_t>(machine(module(), way), 4);
}

TEST_CASE("e4m3: weights stored so, with scales of any kind, and floats") {
  for (const ptx::Options& way : ptx_ways()) tenon::testing::check_products_of_8_bits<tenon::e4m3>(machine(module(), way), 4);
}

TEST_CASE("what a gate opens, quantised by the product that makes it") {
  for (const ptx::Options& way : ptx_ways()) tenon::testing::check_gates_of_8_bits<std::int8_t>(machine(module(), way), 4), tenon::testing::check_gates_of_8_bits<tenon::e4m3>(machine(module(), way), 4);
}

template <class Number>
constexpr auto distance = [](const auto& on) { return tenon::testing::gates_of_8_bits<Number>(on, 40, 132, 260); };

TEST_CASE("every break of what makes numbers of 8 bits behind a product shows") {
  const break_of shuffles[] = {{"a shuffle from the lane before", "shfl.sync.bfly", [](const std::string& line) { return replaced(line, ".bfly.", ".up."); }}};
  broken_run<decltype(distance<tenon::e4m3>), tenon::sm90a> e4m3{module(), distance<tenon::e4m3>};
  CHECK(break_everywhere(e4m3, "opened_e4m3", 0, shuffles) >= 30);
}

}  // namespace
