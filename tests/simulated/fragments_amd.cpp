// Where the elements of matrices lie on AMD's GPUs: the kernels' tables and the executor's, each element of both against AMD's own calculator
// (tests/oracles/amd_matrices.py); and the simulated instructions against products in double, for each number.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <tenon/kernels/launch/simulated.hpp>

namespace {

using namespace tenon;

// One line of the file against the executor's Map and the kernels' Table of one operand.
template <class Map, class Table>
void check(std::istream& in, char operand) {
  int rows = 0, columns = 0;
  in >> rows >> columns;
  REQUIRE(rows == Table::rows);
  REQUIRE(columns == Table::columns);
  int executors = 0, kernels = 0;
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c) {
      int lane = -1, element = -1;
      char colon = 0;
      in >> lane >> colon >> element;
      const int i = operand == 'B' ? c : r, k = operand == 'B' ? r : c;
      if (operand == 'D')
        executors += Map::lane_d(r, c) == lane && Map::register_d(r) == element;
      else
        executors += Map::lane(i, k) == lane && Map::bit(k) == element * Map::bits;
      const fragment_place at = Table::at(lane, element);
      kernels += at.row == r && at.column == c;
    }
  CHECK(in);
  CHECK(executors == rows * columns);
  CHECK(kernels == rows * columns);
}

template <class Map, class Left, class Right, class Sums>
void check(std::istream& in) {
  char operand = 0;
  in >> operand;
  CAPTURE(operand);
  operand == 'A' ? check<Map, Left>(in, 'A') : operand == 'B' ? check<Map, Right>(in, 'B') : check<Map, Sums>(in, 'D');
}

TEST_CASE("tables are those of AMD's matrix instruction calculator") {
  namespace cdna = fragments::gfx90a;
  namespace rdna3 = fragments::gfx1100;
  namespace rdna4 = fragments::gfx1201;
  std::ifstream file(TENON_TEST_DATA "/simulated/amd_matrices.txt");
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    std::istringstream in(line);
    std::string arch, instruction;
    in >> arch >> instruction;
    CAPTURE(arch);
    CAPTURE(instruction);
    const bool bytes = instruction.find("i8") != instruction.npos || instruction.find("iu8") != instruction.npos || instruction.find("fp8") != instruction.npos;
    if (arch == "RDNA3")
      bytes ? check<simulation::wmma_rdna3<8>, rdna3::wmma_left, rdna3::wmma_right, rdna3::wmma_sums>(in)
            : check<simulation::wmma_rdna3<16>, rdna3::wmma_left, rdna3::wmma_right, rdna3::wmma_sums>(in);
    else if (arch == "RDNA4")
      bytes ? check<simulation::wmma_rdna4<8>, rdna4::wmma_left<1>, rdna4::wmma_right<1>, rdna4::wmma_sums>(in)
            : check<simulation::wmma_rdna4<16>, rdna4::wmma_left<2>, rdna4::wmma_right<2>, rdna4::wmma_sums>(in);
    else if (!bytes)
      check<simulation::mfma_32x32<16, 8>, cdna::mfma_left<4>, cdna::mfma_right<4>, cdna::mfma_sums>(in);
    else if (arch == "CDNA2")
      check<simulation::mfma_32x32<8, 8>, cdna::mfma_left<4>, cdna::mfma_right<4>, cdna::mfma_sums>(in);
    else
      check<simulation::mfma_32x32<8, 16>, cdna::mfma_left<8>, cdna::mfma_right<8>, cdna::mfma_sums>(in);
  }
  CHECK(lines == 42);
}

template <class Number>
double value_of(Number x) {
  if constexpr (std::is_integral_v<Number>)
    return static_cast<double>(x);
  else
    return static_cast<double>(static_cast<float>(x));
}
template <class Number>
Number random_number(std::mt19937& random) {
  if constexpr (std::is_integral_v<Number>) return static_cast<Number>(static_cast<int>(random() % 256) - 128);
  std::normal_distribution<float> normal;
  return random() % 16 == 0 ? static_cast<Number>(-0.0f) : static_cast<Number>(normal(random));
}

// a [side, depth] and b [side, depth], rows of 32 bytes, as words lay them out, multiplied by one call of the leaf of Arch onto sums that start at 1.
template <class Arch, class Number>
struct product {
  using leaf = typename simulated<Arch>::leaf;
  static constexpr int side = leaf::side, depth = 32 / static_cast<int>(sizeof(Number)), sums = side * side / leaf::lanes;
  std::vector<Number> a, b;
  std::vector<float> got;

  explicit product(Number everywhere) : a(side * depth, everywhere), b(a), got(side * side) {}
  explicit product(std::mt19937& random) : product(Number{}) {
    for (auto* all : {&a, &b})
      for (Number& x : *all) x = random_number<Number>(random);
  }

  // `other`: what lanes from `side` on add to the first byte of a.
  bool run(unsigned other = 0) {
    const simulated<Arch> machine;
    machine.launch({}, {leaf::lanes}, 0, [&] {
      const int lane = leaf::thread(), first = leaf::chunks == 1 ? lane / side : 0;
      const auto take = [&](const std::vector<Number>& from, int row) {
        typename leaf::operand out;
        for (int c = 0; c < leaf::chunks; ++c) {
          bits128 numbers;
          std::memcpy(&numbers, from.data() + row * depth + (first + c) * depth / 2, 16);
          out.chunk[c] = bit_cast<fragments::amd::chunk_words>(leaf::template enter<Number>(numbers));
        }
        return out;
      };
      auto left = take(a, leaf::row_of(lane % side));
      if (lane >= side) left.chunk[0][0] ^= other;
      typename leaf::template sums<Number> d;
      for (int e = 0; e < sums; ++e) d[e] = 1;
      leaf::template multiply<Number>(d, left, take(b, lane % side));
      for (int e = 0; e < sums; ++e) {
        const fragment_place at = leaf::place::at(lane, e);
        got[static_cast<std::size_t>(at.row * side + at.column)] = static_cast<float>(d[e] - 1) * leaf::template unit<Number>;
      }
    });
    return machine.report().clean();
  }
  double worst() const {
    double most = 0;
    for (int r = 0; r < side; ++r)
      for (int c = 0; c < side; ++c) {
        double want = 0;
        for (int k = 0; k < depth; ++k) want += value_of(a[static_cast<std::size_t>(r * depth + k)]) * value_of(b[static_cast<std::size_t>(c * depth + k)]);
        most = std::fmax(most, std::fabs(want - static_cast<double>(got[static_cast<std::size_t>(r * side + c)])));
      }
    return most;
  }
};

template <class Arch, class Number>
void check_product() {
  std::mt19937 random(5);
  product<Arch, Number> p(random);
  CAPTURE(Arch::name);
  CHECK(p.run());
  CHECK(p.worst() <= 2e-5);
}

TEST_CASE("matrix instructions multiply, of each number, as words lay out operands") {
  check_product<gfx90a, bf16>();
  check_product<gfx90a, f16>();
  check_product<gfx90a, std::int8_t>();
  check_product<gfx942, bf16>();
  check_product<gfx942, f16>();
  check_product<gfx942, std::int8_t>();
  check_product<gfx942, e4m3>();
  check_product<gfx1100, bf16>();
  check_product<gfx1100, f16>();
  check_product<gfx1100, std::int8_t>();
  check_product<gfx1201, bf16>();
  check_product<gfx1201, f16>();
  check_product<gfx1201, std::int8_t>();
  check_product<gfx1201, e4m3>();
}

TEST_CASE("FNUZ: the same bits mean half the value, -0 becomes 0, NaN stays NaN") {
  for (unsigned byte = 0; byte < 256; byte += 4) {
    const auto bits = byte | (byte + 1) << 8 | (byte + 2) << 16 | (byte + 3) << 24;
    const std::uint32_t in = atoms::amd::fnuz_numbers::enter<e4m3>({{bits, 0, 0, 0}}).word[0];
    for (unsigned i = 0; i < 4; ++i) {
      const auto entered = static_cast<std::uint8_t>(in >> 8 * i);
      const auto before = static_cast<float>(e4m3::from_bits(static_cast<std::uint8_t>(byte + i)));
      const auto after = static_cast<float>(simulation::fnuz_e4m3{entered});
      CAPTURE(byte + i);
      CHECK((std::isnan(before) ? std::isnan(after) && entered == 0x80 : after == before / 2));
    }
  }
  product<gfx942, e4m3> p(e4m3(1.0f));
  p.a[5] = e4m3::from_bits(0x7f);
  CHECK(p.run());
  CHECK(std::isnan(p.got[0]));
  CHECK(p.got[32] == 32.0f);
}

TEST_CASE("subnormal numbers count on gfx942 and are 0 on gfx90a") {
  product<gfx90a, f16> older(f16::from_bits(0x3ff));
  product<gfx942, f16> newer(f16::from_bits(0x3ff));
  std::fill(older.b.begin(), older.b.end(), f16(1024.0f));
  newer.b = older.b;
  CHECK(older.run());
  CHECK(newer.run());
  CHECK(older.got[0] == 0.0f);
  CHECK(newer.got[0] == doctest::Approx(16 * 1024 * 0x3ffp-24));
}

TEST_CASE("on gfx1100 both halves of a wave must hold the same operand") {
  std::mt19937 random(7);
  product<gfx1100, bf16> p(random);
  CHECK(p.run(0));
  CHECK_FALSE(p.run(1));
  product<gfx1201, bf16> free(random);
  CHECK(free.run(1));
}

}  // namespace
