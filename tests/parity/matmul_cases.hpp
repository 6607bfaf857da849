#pragma once
// The body of the parity tests of products: every storage under every compute, on the machine type `machine_under_test`.

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <tenon/kernels/launch/matmul.hpp>
#include <tenon/kernels/reference/matmul.hpp>

namespace matmul_cases {

using tenon::compute;
using tenon::storage;
using extent = tenon::index_t;

inline constexpr compute computes[] = {compute::fp32, compute::bf16, compute::int8, compute::int8x2};

// A random matrix as a file would hold it, with scales where its storage takes them.
struct matrix {
  std::vector<std::byte> bytes;
  std::vector<float> scales;
  tenon::stored_matrix stored;

  matrix(storage kind, extent rows, extent depth, std::mt19937& random)
      : bytes(static_cast<std::size_t>(rows) * tenon::row_bytes(kind, depth)) {
    std::normal_distribution<float> normal(0.0f, 0.05f);
    std::uniform_real_distribution<float> step(0.001f, 0.01f);
    tenon::with_block(kind, [&](auto block) {
      using Block = decltype(block);
      for (std::size_t at = 0; at < bytes.size(); at += sizeof(Block)) {
        for (std::size_t i = 0; i < sizeof(Block); ++i) bytes[at + i] = static_cast<std::byte>(random());
        std::memcpy(&block, &bytes[at], sizeof block);
        if constexpr (requires { block.x = decltype(block.x)(1.0f); } && !std::is_same_v<Block, tenon::blocks::i8>)
          block.x = decltype(block.x)(normal(random));
        if constexpr (requires { block.d; }) block.d = tenon::f16(step(random));
        if constexpr (requires { block.m; }) block.m = tenon::f16(-8 * step(random));
        if constexpr (requires { block.dmin; }) block.dmin = tenon::f16(step(random));
        std::memcpy(&bytes[at], &block, sizeof block);
      }
    });
    stored = {.kind = kind, .rows = rows, .columns = depth, .bytes = bytes.data()};
    if (kind == storage::e4m3 || kind == storage::i8) {
      stored.scale_rows = kind == storage::i8 ? 1 : 128;
      stored.scale_columns = kind == storage::i8 ? depth : 128;
      scales.resize(static_cast<std::size_t>(((rows + stored.scale_rows - 1) / stored.scale_rows) *
                                             ((depth + stored.scale_columns - 1) / stored.scale_columns)));
      for (float& s : scales) s = step(random) / (kind == storage::i8 ? 4 : 1);
      stored.scales = scales.data();
    }
  }
};

struct packed {
  tenon::buffer bytes;
  tenon::packed_matrix weights;

  template <class Machine>
  packed(const Machine& machine, const matrix& m, compute how)
      : bytes(tenon::packed_bytes(machine, m.stored.kind, how, m.stored.rows, m.stored.columns)),
        weights(tenon::pack(machine, m.stored, how, bytes.data())) {}
};

inline std::vector<float> random_values(std::size_t count, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& x : out) x = normal(random);
  return out;
}

template <class Machine>
std::vector<float> multiply(const Machine& machine, const std::vector<float>& x, extent tokens, extent depth, const packed& w,
                            const float* bias = nullptr) {
  std::vector<float> out(static_cast<std::size_t>(tokens * w.weights.rows), -7.0f);
  tenon::buffer scratch(tenon::matmul_scratch(machine, tokens, depth));
  const tenon::product one[] = {{.weights = w.weights, .out = {out.data(), tokens, w.weights.rows}, .bias = bias}};
  tenon::matmul(machine, {tenon::view<const float, 2>(x.data(), tokens, depth)}, one, scratch.data());
  return out;
}

// What a product computes, in double: `how` after the rule that a storage does what it can.
inline compute effective(storage kind, compute how) {
  const auto form = tenon::form_of(kind, how);
  return form == tenon::form::plain ? compute::fp32 : how;
}
inline std::vector<double> reference(const std::vector<float>& x, extent tokens, const matrix& m, compute how,
                                     const float* bias = nullptr) {
  std::vector<double> out(static_cast<std::size_t>(tokens * m.stored.rows)), token(static_cast<std::size_t>(m.stored.columns));
  std::vector<float> row(token.size());
  tenon::reference::matmul({x.data(), tokens, m.stored.columns}, m.stored, how, bias, {out.data(), tokens, m.stored.rows}, row.data(),
                           token.data());
  return out;
}
inline double relative_l2(const std::vector<float>& got, const std::vector<double>& want) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double d = static_cast<double>(got[i]) - want[i];
    error += d * d;
    norm += want[i] * want[i];
  }
  return std::sqrt(error / norm);
}
inline bool same_bits(const float* a, const float* b, std::size_t count) { return std::memcmp(a, b, count * sizeof(float)) == 0; }

template <class Machine>
void every_storage_under_every_compute() {
  std::mt19937 random(1);
  const Machine one_thread({.threads = 1});
  struct shape {
    extent tokens, rows, depth;
  };
  for (const storage kind : tenon::every_storage)
    for (const compute how : computes) {
      const extent block = tenon::block_values(kind);
      const shape shapes[] = {
          {1, 1, block},
          {1, 37, 5 * block},
          {3, 50, 3 * block},
          {17, 33, block == 256 ? 512 : 576},
          {39, 16, block == 1 ? 101 : 2 * block},
          {1 + static_cast<extent>(random() % 40), 1 + static_cast<extent>(random() % 90), block * (1 + static_cast<extent>(random() % 4))},
          {5, 20, block == 256 ? 2560 : 2144}};
      for (const auto& [tokens, rows, depth] : shapes) {
        INFO(tenon::name(kind), " under ", static_cast<int>(how), ": ", tokens, " x ", rows, " x ", depth);
        const matrix m(kind, rows, depth, random);
        const auto x = random_values(static_cast<std::size_t>(tokens * depth), random),
                   bias = random_values(static_cast<std::size_t>(rows), random);
        const packed w(one_thread, m, how);
        const auto got = multiply(one_thread, x, tokens, depth, w, bias.data());
        const compute done = effective(kind, how);
        CHECK(relative_l2(got, reference(x, tokens, m, done, bias.data())) < 3e-6);
        if (done != compute::fp32 && depth >= 64)
          CHECK(relative_l2(multiply(one_thread, x, tokens, depth, w), reference(x, tokens, m, compute::fp32)) < (done == compute::int8x2 ? 5e-4 : 2e-2));

        for (const int threads : {2, 4})
          CHECK(same_bits(multiply(Machine({.threads = threads}), x, tokens, depth, w, bias.data()).data(), got.data(), got.size()));
        for (extent t = 0; t < tokens; t += 7) {
          const std::vector<float> alone(x.begin() + t * depth, x.begin() + (t + 1) * depth);
          CHECK(same_bits(multiply(one_thread, alone, 1, depth, w, bias.data()).data(), got.data() + t * rows,
                          static_cast<std::size_t>(rows)));
        }
      }
    }
}

template <class Machine>
void products_share_one_x() {
  std::mt19937 random(2);
  const extent tokens = 21, depth = 256;
  for (const int threads : {1, 3}) {
    const Machine machine({.threads = threads});
    const matrix a(storage::q4_1, 70, depth, random), b(storage::f32, 33, depth, random), c(storage::q6_k, 16, depth, random),
        d(storage::bf16, 5, depth, random);
    const packed pa(machine, a, compute::int8), pb(machine, b, compute::fp32), pc(machine, c, compute::int8), pd(machine, d, compute::bf16);
    const auto x = random_values(static_cast<std::size_t>(tokens * depth), random);
    std::vector<float> oa(static_cast<std::size_t>(tokens * 70)), ob(static_cast<std::size_t>(tokens * 33)),
        oc(static_cast<std::size_t>(tokens * 16)), od(static_cast<std::size_t>(tokens * 5), 1.0f);
    tenon::buffer scratch(tenon::matmul_scratch(machine, tokens, depth));
    const tenon::product all[] = {{.weights = pa.weights, .out = {oa.data(), tokens, 70}},
                                  {.weights = pb.weights, .out = {ob.data(), tokens, 33}},
                                  {.weights = pc.weights, .out = {oc.data(), tokens, 16}},
                                  {.weights = pd.weights, .out = {od.data(), tokens, 5}, .how = tenon::finish::add}};
    tenon::matmul(machine, tenon::view<const float, 2>(x.data(), tokens, depth), all, scratch.data());
    CHECK(oa == multiply(machine, x, tokens, depth, pa));
    CHECK(ob == multiply(machine, x, tokens, depth, pb));
    CHECK(oc == multiply(machine, x, tokens, depth, pc));
    auto sum = multiply(machine, x, tokens, depth, pd);
    for (float& v : sum) v += 1.0f;
    CHECK(od == sum);
  }
}

struct product_gate {
  float open(float gate, float up) const { return gate * up; }
};

template <class Machine>
void a_gate_meets_two_products() {
  std::mt19937 random(3);
  for (const extent tokens : {extent{1}, extent{19}})
    for (const storage kind : {storage::f32, storage::q4_k, storage::q8_0}) {
      const Machine machine({.threads = 2});
      const extent depth = 256, rows = 75;
      const matrix g(kind, rows, depth, random), u(kind == storage::q4_k ? storage::q6_k : kind, rows, depth, random);
      const packed pg(machine, g, compute::int8), pu(machine, u, compute::int8);
      const auto x = random_values(static_cast<std::size_t>(tokens * depth), random);
      std::vector<float> out(static_cast<std::size_t>(tokens * rows));
      tenon::buffer scratch(tenon::matmul_scratch(machine, tokens, depth));
      tenon::gated_matmul(machine, tenon::view<const float, 2>(x.data(), tokens, depth), pg.weights, pu.weights, product_gate{},
                          tenon::view<float, 2>(out.data(), tokens, rows), scratch.data());
      auto want = multiply(machine, x, tokens, depth, pg);
      const auto up = multiply(machine, x, tokens, depth, pu);
      for (std::size_t i = 0; i < want.size(); ++i) want[i] *= up[i];
      CHECK(out == want);
    }
}

template <class Machine>
void unusual_values() {
  std::mt19937 random(4);
  const Machine machine({.threads = 1});
  const extent depth = 256, rows = 20, tokens = 18;
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const storage kind : tenon::every_storage)
    for (const compute how : computes) {
      INFO(tenon::name(kind), " under ", static_cast<int>(how));
      const matrix m(kind, rows, depth, random);
      const packed w(machine, m, how);
      for (const extent count : {extent{1}, tokens}) {
        auto x = random_values(static_cast<std::size_t>(count * depth), random);
        const auto usual = multiply(machine, x, count, depth, w);
        const extent at = count - 1;
        for (const float odd : {infinity, nan}) {
          x[static_cast<std::size_t>(at * depth + 77)] = odd;
          const auto got = multiply(machine, x, count, depth, w);
          CHECK(same_bits(got.data(), usual.data(), static_cast<std::size_t>(at * rows)));  // the other rows do not notice
          int finite = 0;
          for (extent r = 0; r < rows; ++r) finite += std::isfinite(got[static_cast<std::size_t>(at * rows + r)]) ? 1 : 0;
          CHECK(finite == 0);
        }
        std::fill(x.begin(), x.end(), 0.0f);
        for (const float v : multiply(machine, x, count, depth, w)) CHECK(v == 0.0f);
        std::fill(x.begin(), x.end(), 1e-40f);
        for (const float v : multiply(machine, x, count, depth, w)) CHECK(std::abs(v) < 1e-30f);
        for (float& v : x) v = 1e30f;
        CHECK(relative_l2(multiply(machine, x, count, depth, w), reference(x, count, m, effective(kind, how))) < 1e-4);
      }
    }
  // A NaN or an infinity among the weights reaches exactly its row of the result.
  for (const storage kind : {storage::f32, storage::f16, storage::bf16, storage::e4m3}) {
    matrix m(kind, rows, depth, random);
    tenon::with_block(kind, [&](auto block) {
      if constexpr (requires { block.x = decltype(block.x)(1.0f); }) block.x = decltype(block.x)(std::numeric_limits<float>::quiet_NaN());
      std::memcpy(&m.bytes[3 * tenon::row_bytes(kind, depth) + 9 * sizeof block], &block, sizeof block);
    });
    const auto got = multiply(machine, random_values(static_cast<std::size_t>(tokens * depth), random), tokens, depth,
                              packed(machine, m, compute::fp32));
    for (extent t = 0; t < tokens; ++t)
      for (extent r = 0; r < rows; ++r) CHECK(std::isnan(got[static_cast<std::size_t>(t * rows + r)]) == (r == 3));
  }
}

template <class Machine>
void edges_and_refusals() {
  std::mt19937 random(5);
  const Machine machine({.threads = 2});
  const matrix m(storage::q8_0, 20, 64, random);
  const packed w(machine, m, compute::int8);
  CHECK(multiply(machine, {}, 0, 64, w).empty());

  // Interleaved rows are found where the file put them.
  matrix turned = m;
  turned.stored.bytes = turned.bytes.data();
  turned.stored.order = tenon::row_order::interleaved, turned.stored.head_dim = 10;
  const auto x = random_values(2 * 64, random);
  CHECK(relative_l2(multiply(machine, x, 2, 64, packed(machine, turned, compute::fp32)), reference(x, 2, turned, compute::fp32)) < 3e-6);

  std::vector<float> out(40), one(64);
  tenon::buffer scratch(tenon::matmul_scratch(machine, 2, 64));
  const auto refused = [&](tenon::view<const float, 2> in, tenon::view<float, 2> to) {
    const tenon::product p[] = {{.weights = w.weights, .out = to}};
    CHECK_THROWS_AS(tenon::matmul(machine, in, p, scratch.data()), tenon::error);
  };
  refused({x.data(), 2, 63}, {out.data(), 2, 20});
  refused({x.data(), 2, 64}, {out.data(), 1, 20});
  refused({x.data(), 2, 64}, {out.data(), 2, 19});
  matrix scaled = m;
  scaled.stored.scales = out.data();
  CHECK_THROWS_AS(tenon::pack(machine, scaled.stored, compute::fp32, w.bytes.data()), tenon::error);
}

}  // namespace matmul_cases

#define MATMUL_CASES(Machine)                                                                                                     \
  TEST_CASE("every storage under every compute agrees with fp64") { matmul_cases::every_storage_under_every_compute<Machine>(); } \
  TEST_CASE("several products share one x") { matmul_cases::products_share_one_x<Machine>(); }                                    \
  TEST_CASE("a gate meets two products") { matmul_cases::a_gate_meets_two_products<Machine>(); }                                  \
  TEST_CASE("unusual values") { matmul_cases::unusual_values<Machine>(); }                                                        \
  TEST_CASE("edges and refusals") { matmul_cases::edges_and_refusals<Machine>(); }
