// The processor as a machine, and what products promise beside their values.

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include <tenon/kernels/launch/matmul.hpp>

namespace {

using extent = tenon::index_t;

// A product of small integers: exact in fp32, so that any order of summation gives these bits.
struct exact_product {
  static constexpr extent rows = 50, depth = 96, tokens = 20;
  std::vector<float> w, x, want;

  explicit exact_product(int seed) : w(rows * depth), x(tokens * depth), want(tokens * rows) {
    for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(static_cast<int>(i * 7 + static_cast<std::size_t>(seed)) % 11 - 5);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(static_cast<int>(i * 5 + static_cast<std::size_t>(seed)) % 13 - 6);
    for (extent t = 0; t < tokens; ++t)
      for (extent r = 0; r < rows; ++r)
        for (extent k = 0; k < depth; ++k)
          want[static_cast<std::size_t>(t * rows + r)] +=
              w[static_cast<std::size_t>(r * depth + k)] * x[static_cast<std::size_t>(t * depth + k)];
  }
  template <class Machine>
  std::vector<float> run(const Machine& machine) const {
    tenon::buffer packed(tenon::packed_bytes(machine, tenon::storage::f32, tenon::compute::fp32, rows, depth)),
        scratch(tenon::matmul_scratch(machine, tokens, depth));
    const tenon::stored_matrix stored{.rows = rows, .columns = depth, .bytes = reinterpret_cast<const std::byte*>(w.data())};
    std::vector<float> out(want.size());
    const tenon::product one[] = {
        {.weights = tenon::pack(machine, stored, tenon::compute::fp32, packed.data()), .out = {out.data(), tokens, rows}}};
    tenon::matmul(machine, tenon::view<const float, 2>(x.data(), tokens, depth), one, scratch.data());
    return out;
  }
};

}  // namespace

TEST_CASE("every part runs exactly once, whatever the number of threads") {
  for (const int threads : {1, 2, 3, 8})
    for (const int parts : {0, 1, 2, 7, 64}) {
      const tenon::cpu machine({.threads = threads});
      std::vector<std::atomic<int>> calls(64);
      machine.parallel(parts, [&](int part) { ++calls[static_cast<std::size_t>(part)]; });
      for (int part = 0; part < 64; ++part) CHECK(calls[static_cast<std::size_t>(part)] == (part < parts ? 1 : 0));
    }
  CHECK(tenon::cpu().threads() >= 1);
  CHECK(tenon::cpu({.threads = 1}).threads() == 1);
}

TEST_CASE("two host threads multiply at the same time") {
  const exact_product a(1), b(2);
  std::atomic<int> wrong = 0;
  const auto work = [&](const exact_product& p) {
    const tenon::cpu machine({.threads = 2});
    for (int i = 0; i < 20; ++i) wrong += p.run(machine) == p.want ? 0 : 1;
  };
  std::thread first(work, std::cref(a)), second(work, std::cref(b));
  first.join(), second.join();
  CHECK(wrong == 0);
}

TEST_CASE("scratch grows with tokens and depth") {
  const tenon::cpu machine({.threads = 2});
  std::size_t before = 0;
  for (const extent tokens : {0, 1, 2, 15, 16, 17, 100, 511, 512, 513, 4096}) {
    const std::size_t now = tenon::matmul_scratch(machine, tokens, 576);
    CHECK(now >= before);
    CHECK(tenon::matmul_scratch(machine, tokens, 8960) >= now);
    before = now;
  }
  CHECK(before < std::size_t{8} << 20);
}

TEST_CASE("a matrix of no columns is packed to nothing") {
  const tenon::cpu machine;
  for (const tenon::storage kind : {tenon::storage::f32, tenon::storage::q4_k}) {
    CHECK(tenon::packed_bytes(machine, kind, tenon::compute::fp32, 5, 0) == 0);
    CHECK(tenon::pack(machine, {.kind = kind, .rows = 5, .columns = 0}, tenon::compute::fp32, nullptr).rows == 5);
  }
}

TEST_CASE("packed weights are as small as the file's, up to the padding of their last panel and slab") {
  const tenon::cpu machine;
  using enum tenon::storage;
  for (const tenon::storage kind : {f32, f16, bf16, q8_0, q4_0, q4_1, q4_k, q6_k}) {
    const double stored = static_cast<double>(tenon::row_bytes(kind, 1024) * 64);
    const double packed = static_cast<double>(tenon::packed_bytes(machine, kind, tenon::compute::int8, 64, 1024));
    CHECK(packed >= stored);
    CHECK(packed <= 1.03 * stored);
  }
}
