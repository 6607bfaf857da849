// Products of 8 bits for sm_89 through their launch functions, as the PTX that nvcc makes of their kernels, executed and compared with double precision.
#include <tenon/kernels/launch/nvidia/words.hpp>

#include "../simulated/products_numbers.hpp"
#include "products_problems.hpp"
#include "ptx_breaks.hpp"
#include "ptx_machine.hpp"

namespace {

using namespace tenon_test;
using kernels = product_kernels<tenon::words_of<tenon::sm89>, ptx_leaf>;

}  // namespace

TENON_TEST_KERNELS_SM89(TENON_TEST_NAME)

namespace {

using machine = ptx_machine_of<tenon::sm89>;
ptx::Module& module() {
  static ptx::Module loaded = ptx::load(TENON_TEST_PTX);
  return loaded;
}

TEST_CASE("whole numbers: weights stored as i8, with a scale per row, finer ones, none") {
  for (const ptx::Options& way : ptx_ways()) tenon::testing::check_products_of_8_bits<std::int8_t>(machine(module(), way));
}

TEST_CASE("e4m3: weights stored so, with scales of any kind, and floats") {
  for (const ptx::Options& way : ptx_ways()) tenon::testing::check_products_of_8_bits<tenon::e4m3>(machine(module(), way));
}

TEST_CASE("what a gate opens, quantised by the product that makes it") {
  for (const ptx::Options& way : ptx_ways()) tenon::testing::check_gates_of_8_bits<std::int8_t>(machine(module(), way)), tenon::testing::check_gates_of_8_bits<tenon::e4m3>(machine(module(), way));
}

template <class Number>
constexpr auto distance = [](const auto& on) { return tenon::testing::gates_of_8_bits<Number>(on, 40, 132, 260); };

TEST_CASE("every break of what makes numbers of 8 bits behind a product shows") {
  const break_of barriers[] = {{"the barrier left out", "bar.sync", [](const std::string&) { return std::string(); }}};
  const break_of shuffles[] = {{"a shuffle from the lane before", "shfl.sync.bfly", [](const std::string& line) { return replaced(line, ".bfly.", ".up."); }}};
  broken_run<decltype(distance<std::int8_t>), tenon::sm89> int8{module(), distance<std::int8_t>};
  CHECK(break_everywhere(int8, "opened_int8", 0, barriers) >= 3);
  CHECK(break_everywhere(int8, "opened_int8", 0, shuffles) >= 5);
}

}  // namespace
