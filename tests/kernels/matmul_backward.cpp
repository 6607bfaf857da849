// The gradients of a product against the definition in double.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include <tenon/kernels/launch/matmul_backward.hpp>
#include <tenon/kernels/reference/matmul_backward.hpp>

namespace {

using tenon::index_t, tenon::view;

double apart(const std::vector<float>& a, const std::vector<double>& b) {
  double off = 0, all = 0;
  for (std::size_t i = 0; i < b.size(); ++i) off += (a[i] - b[i]) * (a[i] - b[i]), all += b[i] * b[i];
  return std::sqrt(off / all);
}

template <class Machine>
void check(const Machine& machine, index_t tokens, index_t rows, index_t depth) {
  CAPTURE(tokens);
  CAPTURE(rows);
  CAPTURE(depth);
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  const auto draw = [&](index_t count) {
    std::vector<float> out(static_cast<std::size_t>(count));
    for (float& x : out) x = normal(random);
    return out;
  };
  const std::vector<float> x = draw(tokens * depth), w = draw(rows * depth), dy = draw(tokens * rows);
  std::vector<float> dx = draw(tokens * depth), dw = draw(rows * depth), db = draw(rows);
  std::vector<double> want_x(dx.begin(), dx.end()), want_w(dw.begin(), dw.end()), want_b(db.begin(), db.end());
  const view<const float, 2> xs(x.data(), tokens, depth), ws(w.data(), rows, depth), dys(dy.data(), tokens, rows);
  tenon::reference::matmul_backward(xs, ws, dys, view<double, 2>(want_x.data(), tokens, depth), view<double, 2>(want_w.data(), rows, depth), want_b.data());
  const tenon::stored_matrix stored{.kind = tenon::storage::f32, .rows = rows, .columns = depth, .bytes = reinterpret_cast<const std::byte*>(w.data())};
  const tenon::buffer memory(tenon::packed_bytes(machine, stored.kind, tenon::compute::fp32, rows, depth));
  tenon::packed_matrix packed = tenon::pack(machine, stored, tenon::compute::fp32, memory.data());
  const tenon::product_gradients to{.x = {dx.data(), tokens, depth}, .weights = {dw.data(), rows, depth}, .bias = db.data()};
  tenon::matmul_backward(machine, xs, packed, dys, to);
  CHECK(apart(dx, want_x) < 1e-6);
  CHECK(apart(dw, want_w) < 1e-6);
  CHECK(apart(db, want_b) < 1e-6);
  tenon::matmul_backward(machine, xs, packed, dys, {});
  CHECK_THROWS_AS(tenon::matmul_backward(machine, xs, packed, dys, {.x = {dx.data(), depth, tokens + 1}, .weights = {}}), tenon::error);
  packed.kind = tenon::storage::q8_0;
  CHECK_THROWS_AS(tenon::matmul_backward(machine, xs, packed, dys, to), tenon::error);
}

TEST_CASE("the gradients of x, of the weights and of the bias") {
  for (const int rows : {1, 16, 37, 96})
    for (const int depth : {8, 13, 64, 100})
      for (const int tokens : {1, 9}) {
        check(tenon::cpu{}, tokens, rows, depth);
        check(tenon::cpu_scalar{}, tokens, rows, depth);
      }
  check(tenon::cpu{tenon::cpu_options{.threads = 3}}, 150, 200, 130);
}

}  // namespace
