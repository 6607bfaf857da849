// Where the elements of matrices lie on NVIDIA's GPUs: the executor's tables against what NVIDIA publishes, the kernels' tables against the executor's,
// and the simulated instructions against products in double.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include <tenon/kernels/atoms/sm80/fragments.hpp>
#include <tenon/kernels/atoms/sm90a/operand.hpp>
#include <tenon/kernels/launch/simulated.hpp>

namespace {

using namespace tenon;
using mma = simulation::mma_m16n8<2>;

struct place {
  int lane, element, row, column;
};

// Read off the figures of the PTX ISA, chapter 'Matrix Fragments for mma.m16n8k16 with floating point type': T is the lane.
constexpr place published_a[] = {{0, 0, 0, 0},  {0, 1, 0, 1}, {1, 0, 0, 2},  {3, 1, 0, 7},   {0, 4, 0, 8},
                                 {3, 5, 0, 15}, {4, 0, 1, 0}, {31, 1, 7, 7}, {28, 4, 7, 8},  {0, 2, 8, 0},
                                 {3, 3, 8, 7},  {0, 6, 8, 8}, {3, 7, 8, 15}, {28, 2, 15, 0}, {31, 7, 15, 15}};
constexpr place published_b[] = {{0, 0, 0, 0},  {0, 1, 1, 0}, {1, 0, 2, 0},  {3, 1, 7, 0},  {0, 2, 8, 0},
                                 {3, 3, 15, 0}, {4, 0, 0, 1}, {28, 0, 0, 7}, {31, 1, 7, 7}, {31, 3, 15, 7}};
constexpr place published_d[] = {{0, 0, 0, 0},  {0, 1, 0, 1}, {1, 0, 0, 2}, {3, 1, 0, 7},   {4, 0, 1, 0},
                                 {31, 1, 7, 7}, {0, 2, 8, 0}, {3, 3, 8, 7}, {28, 2, 15, 0}, {31, 3, 15, 7}};

TEST_CASE("mma.m16n8k16: the executor's table has the published values") {
  for (const place& p : published_a) CHECK((mma::row_a(p.lane, p.element) == p.row && mma::column_a(p.lane, p.element) == p.column));
  for (const place& p : published_b) CHECK((mma::row_b(p.lane, p.element) == p.row && mma::column_b(p.lane, p.element) == p.column));
  for (const place& p : published_d) CHECK((mma::row_d(p.lane, p.element) == p.row && mma::column_d(p.lane, p.element) == p.column));
}

// The kernels' table of one operand says the same as the executor's.
template <class Kernels, class Row, class Column>
void same(Row&& row, Column&& column) {
  int wrong = 0;
  for (int lane = 0; lane < Kernels::lanes; ++lane)
    for (int e = 0; e < Kernels::elements; ++e) {
      const fragment_place p = Kernels::at(lane, e);
      wrong += p.row != row(lane, e) || p.column != column(lane, e);
    }
  CHECK(wrong == 0);
}

// The same of the figures for other numbers: mma.m16n8k8 .f16, mma.m16n8k8 .tf32, mma.m16n8k32 .s8 and .e4m3.
template <class Map, std::size_t As, std::size_t Bs>
void check_published(const place (&a)[As], const place (&b)[Bs]) {
  for (const place& p : a) CHECK((Map::row_a(p.lane, p.element) == p.row && Map::column_a(p.lane, p.element) == p.column));
  for (const place& p : b) CHECK((Map::row_b(p.lane, p.element) == p.row && Map::column_b(p.lane, p.element) == p.column));
  for (const place& p : published_d) CHECK((Map::row_d(p.lane, p.element) == p.row && Map::column_d(p.lane, p.element) == p.column));
}

TEST_CASE("mma of other numbers: the executor's tables have the published values, and the kernels' say the same") {
  check_published<simulation::mma_m16n8k8_half>({{0, 0, 0, 0}, {0, 1, 0, 1}, {3, 1, 0, 7}, {4, 0, 1, 0}, {31, 1, 7, 7}, {0, 2, 8, 0}, {3, 3, 8, 7}, {31, 3, 15, 7}},
                                                {{0, 0, 0, 0}, {0, 1, 1, 0}, {3, 1, 7, 0}, {4, 0, 0, 1}, {28, 0, 0, 7}, {31, 1, 7, 7}});
  check_published<simulation::mma_m16n8<4>>({{0, 0, 0, 0}, {3, 0, 0, 3}, {4, 0, 1, 0}, {31, 0, 7, 3}, {0, 1, 8, 0}, {31, 1, 15, 3}, {0, 2, 0, 4}, {3, 2, 0, 7}, {0, 3, 8, 4}, {31, 3, 15, 7}},
                                            {{0, 0, 0, 0}, {3, 0, 3, 0}, {4, 0, 0, 1}, {31, 0, 3, 7}, {0, 1, 4, 0}, {3, 1, 7, 0}, {31, 1, 7, 7}});
  check_published<simulation::mma_m16n8<1>>({{0, 0, 0, 0}, {0, 3, 0, 3}, {3, 3, 0, 15}, {4, 0, 1, 0}, {31, 3, 7, 15}, {0, 4, 8, 0}, {3, 7, 8, 15}, {0, 8, 0, 16}, {3, 11, 0, 31}, {0, 12, 8, 16}, {31, 15, 15, 31}},
                                            {{0, 0, 0, 0}, {0, 3, 3, 0}, {3, 3, 15, 0}, {4, 0, 0, 1}, {0, 4, 16, 0}, {3, 7, 31, 0}, {28, 0, 0, 7}, {31, 7, 31, 7}});
  same<fragments::sm80::mma_left<2, 2>>(simulation::mma_m16n8k8_half::row_a, simulation::mma_m16n8k8_half::column_a);
  same<fragments::sm80::mma_right<2, 1>>(simulation::mma_m16n8k8_half::row_b, simulation::mma_m16n8k8_half::column_b);
  same<fragments::sm80::mma_left<4>>(simulation::mma_m16n8<4>::row_a, simulation::mma_m16n8<4>::column_a);
  same<fragments::sm80::mma_right<4>>(simulation::mma_m16n8<4>::row_b, simulation::mma_m16n8<4>::column_b);
  same<fragments::sm80::mma_left<1>>(simulation::mma_m16n8<1>::row_a, simulation::mma_m16n8<1>::column_a);
  same<fragments::sm80::mma_right<1>>(simulation::mma_m16n8<1>::row_b, simulation::mma_m16n8<1>::column_b);
}

// Figures of wgmma.mma_async.m64nNk16, 'WGMMA .m64nNk16 register fragment layout' for matrix A and matrix D, rows of the first warp: the other three
// are 16 rows further each.
constexpr place published_wgmma_a[] = {{0, 0, 0, 0},  {0, 1, 0, 1}, {3, 1, 0, 7},  {4, 0, 1, 0},   {31, 1, 7, 7},  {0, 2, 8, 0},
                                       {31, 3, 15, 7}, {0, 4, 0, 8}, {3, 5, 0, 15}, {28, 6, 15, 8}, {31, 7, 15, 15}};
constexpr place published_wgmma_d[] = {{0, 0, 0, 0},  {0, 1, 0, 1},  {3, 1, 0, 7},   {4, 0, 1, 0},    {31, 1, 7, 7},    {0, 2, 8, 0},
                                       {31, 3, 15, 7}, {0, 4, 0, 8},  {3, 5, 0, 15},  {0, 6, 8, 8},    {31, 7, 15, 15},  {0, 8, 0, 16},
                                       {0, 60, 0, 120}, {3, 61, 0, 127}, {28, 62, 15, 120}, {31, 63, 15, 127},
                                       {0, 64, 0, 128}, {0, 124, 0, 248}, {3, 125, 0, 255}, {28, 126, 15, 248}, {31, 127, 15, 255}};  // the figure's N - 8 and N - 1, for N = 128 and 256

TEST_CASE("wgmma: the executor's tables have the published values, and the kernels' take sums for those of mma beside each other") {
  using wgmma = simulation::wgmma_fragments;
  for (const place& p : published_wgmma_a) CHECK((wgmma::row_a(p.lane, p.element) == p.row && wgmma::column_a(p.lane, p.element) == p.column));
  for (const place& p : published_wgmma_d) CHECK((wgmma::row_d(p.lane, p.element) == p.row && wgmma::column_d(p.lane, p.element) == p.column));
  int wrong = 0;
  for (int lane = 0; lane < 32; ++lane) {
    for (int e = 0; e < 8; ++e) {
      const fragment_place a = fragments::sm80::mma_a::at(lane, e);
      wrong += a.row != wgmma::row_a(lane, e) || a.column != wgmma::column_a(lane, e);
    }
    for (int e = 0; e < 128; ++e) {
      const fragment_place d = fragments::sm80::mma_d::at(lane, e % 4);
      wrong += d.row != wgmma::row_d(lane, e) || d.column + e / 4 * 8 != wgmma::column_d(lane, e);
    }
  }
  CHECK(wrong == 0);
}

// 'Swizzle modes', 128 bytes: the first eight rows of eight chunks as the figure shows them; it repeats every 1024 bytes.
TEST_CASE("chunks of 16 bytes lie where the published figure of 128-byte swizzling has them") {
  constexpr std::uint32_t figure[8][8] = {{0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 3, 2, 5, 4, 7, 6}, {2, 3, 0, 1, 6, 7, 4, 5}, {3, 2, 1, 0, 7, 6, 5, 4},
                                          {4, 5, 6, 7, 0, 1, 2, 3}, {5, 4, 7, 6, 1, 0, 3, 2}, {6, 7, 4, 5, 2, 3, 0, 1}, {7, 6, 5, 4, 3, 2, 1, 0}};
  for (std::uint32_t row = 0; row < 24; ++row)
    for (std::uint32_t chunk = 0; chunk < 8; ++chunk) {
      CHECK(simulation::permuted_128(row * 128 + chunk * 16) == row * 128 + figure[row % 8][chunk] * 16);
      CHECK(atoms::sm90a::panel_offset<std::uint32_t>(24, static_cast<int>(row), static_cast<int>(chunk)) == row * 128 + figure[row % 8][chunk] * 16);
    }
}

// 'Strides', table of canonical layouts, rows '128B Swizzling', of 16-bit numbers (T = 8), in numbers: shape:stride of what is contiguous, then of
// the other axis. K-major ((8,m),(T,2k)):((8T,SBO),(1,T)), MN-major ((T,8,m),(8,k)):((1,T,LBO),(8T,SBO)).
TEST_CASE("operands of wgmma lie as the published canonical layouts have them, along the depth and across it") {
  constexpr std::uint32_t T = 8, bytes = 2, stride = 1024, leading = 8192;
  for (std::uint32_t mn = 0; mn < 256; ++mn)
    for (std::uint32_t k = 0; k < 16; ++k) {
      const std::uint32_t along = (mn % 8 * 8 * T + k % T + k / T % 2 * T) * bytes + mn / 8 * stride;
      CHECK(simulation::wgmma_k_major::offset(static_cast<int>(mn), static_cast<int>(k / T), stride) + k % T * bytes == along);
      const std::uint32_t across = (mn % T + mn / T % 8 * T + k % 8 * 8 * T) * bytes + mn / (8 * T) * leading + k / 8 * stride;
      CHECK(simulation::wgmma_mn_major::offset(static_cast<int>(k), static_cast<int>(mn / T), leading, stride) + mn % T * bytes == across);
    }
}

TEST_CASE("the kernels' tables say the same") {
  same<fragments::sm80::mma_a>(mma::row_a, mma::column_a);
  same<fragments::sm80::mma_b>(mma::row_b, mma::column_b);
  same<fragments::sm80::mma_d>(mma::row_d, mma::column_d);
}

// Random bf16 matrices a [rows, depth], b [depth, columns] and sums d.
struct matrices {
  int rows, columns, depth;
  std::vector<float> a, b, d;
  matrices(int m, int n, int k) : rows(m), columns(n), depth(k) {
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    for (int i = 0; i < m * k; ++i) a.push_back(static_cast<float>(bf16(normal(random))));
    for (int i = 0; i < k * n; ++i) b.push_back(static_cast<float>(bf16(normal(random))));
    for (int i = 0; i < m * n; ++i) d.push_back(normal(random));
  }
  float& at_a(fragment_place p) { return a[static_cast<std::size_t>(p.row * depth + p.column)]; }
  float& at_b(fragment_place p) { return b[static_cast<std::size_t>(p.row * columns + p.column)]; }
  float& at_d(fragment_place p) { return d[static_cast<std::size_t>(p.row * columns + p.column)]; }
  // Whether `got` is d + a b.
  bool right(const std::vector<float>& got) const {
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < columns; ++c) {
        double sum = static_cast<double>(d[static_cast<std::size_t>(r * columns + c)]);
        for (int k = 0; k < depth; ++k)
          sum += static_cast<double>(a[static_cast<std::size_t>(r * depth + k)]) *
                 static_cast<double>(b[static_cast<std::size_t>(k * columns + c)]);
        if (std::fabs(sum - static_cast<double>(got[static_cast<std::size_t>(r * columns + c)])) > 1e-5) return false;
      }
    return true;
  }
};

// Each lane takes its operands as the kernels' tables say, multiplies, and puts its sums back.
template <class Arch, class A, class B, class D, class Multiply>
void check_product(int depth, Multiply&& multiply) {
  matrices m(D::rows, D::columns, depth);
  std::vector<float> got(m.d.size());
  const simulated<Arch> machine;
  machine.launch({}, {D::lanes}, 0, [&] {
    const int lane = simulated<Arch>::leaf::thread();
    std::uint32_t a[A::elements / 2], b[B::elements / 2];
    float d[D::elements];
    for (int i = 0; i < A::elements / 2; ++i)
      a[i] = simulated<Arch>::leaf::pack_bf16(m.at_a(A::at(lane, 2 * i)), m.at_a(A::at(lane, 2 * i + 1)));
    for (int i = 0; i < B::elements / 2; ++i)
      b[i] = simulated<Arch>::leaf::pack_bf16(m.at_b(B::at(lane, 2 * i)), m.at_b(B::at(lane, 2 * i + 1)));
    for (int i = 0; i < D::elements; ++i) d[i] = m.at_d(D::at(lane, i));
    multiply(a, b, d);
    for (int i = 0; i < D::elements; ++i) got[static_cast<std::size_t>(D::at(lane, i).row * D::columns + D::at(lane, i).column)] = d[i];
  });
  CHECK(machine.report().clean());
  CHECK(m.right(got));
}

TEST_CASE("matrix instructions multiply") {
  namespace nvidia = fragments::sm80;
  check_product<sm80, nvidia::mma_a, nvidia::mma_b, nvidia::mma_d>(
      16, [](auto& a, auto& b, auto& d) { simulated<sm80>::leaf::mma(d, a, b[0], b[1]); });
}

TEST_CASE("ldmatrix delivers four matrices, and their transposes") {
  const simulated<sm80> machine;
  using leaf = simulated<sm80>::leaf;
  // Matrix m, row r, column c is the number 100 m + 10 r + c; each row lies at its own place.
  machine.launch({}, {32}, 512, [] {
    const auto lane = static_cast<std::uint32_t>(leaf::thread());
    const auto row = leaf::shared() + (lane * 7 % 32) * 16;
    for (std::uint32_t c = 0; c < 8; ++c)
      leaf::store_shared<std::uint16_t>(row + 2 * c, static_cast<std::uint16_t>(100 * (lane / 8) + 10 * (lane % 8) + c));
    leaf::sync_warp();
    std::uint32_t straight[4], transposed[4];
    leaf::load_matrices(straight, row);
    leaf::load_matrices_transposed(transposed, row);
    // PTX ISA, figure of ldmatrix: lane 4 r + c holds elements 2 c and 2 c + 1 of row r.
    for (std::uint32_t m = 0; m < 4; ++m) {
      const std::uint32_t first = 100 * m + 10 * (lane / 4) + 2 * (lane % 4), turned = 100 * m + 20 * (lane % 4) + lane / 4;
      CHECK(straight[m] == (first | (first + 1) << 16));
      CHECK(transposed[m] == (turned | (turned + 10) << 16));
    }
  });
  CHECK(machine.report().clean());
  CHECK(machine.report().count(simulation::instruction::matrix_load) == 2);
}

}  // namespace
