// Views: strides, slices, constness.

#include <doctest/doctest.h>

#include <type_traits>
#include <vector>

#include <tenon/core/view.hpp>

namespace {

using tenon::view;

TEST_CASE("a dense view is row-major") {
  std::vector<int> data(24);
  for (int i = 0; i < 24; ++i) data[static_cast<std::size_t>(i)] = i;
  const view<int, 3> x(data.data(), 2, 3, 4);
  CHECK(x.size() == 24);
  for (int a = 0; a < 2; ++a)
    for (int b = 0; b < 3; ++b)
      for (int c = 0; c < 4; ++c) {
        CHECK(x(a, b, c) == a * 12 + b * 4 + c);
        CHECK(&x[a][b](c) == &x(a, b, c));
      }
  const auto middle = x.rows(1, 1);
  CHECK(middle.extent[0] == 1);
  CHECK(middle(0, 2, 3) == 23);
}

TEST_CASE("strides reach into larger arrays and backwards") {
  int data[] = {0, 1, 2, 3, 4, 5};
  view<int, 2> columns(data, 2, 3);
  columns.stride[0] = 1, columns.stride[1] = 2;
  CHECK(columns(1, 2) == 5);
  CHECK(columns(0, 1) == 2);
  view<int, 1> reversed(data + 5, 6);
  reversed.stride[0] = -1;
  CHECK(reversed(5) == 0);
}

TEST_CASE("writable converts to read-only, not the other way; a default view is empty") {
  static_assert(std::is_convertible_v<view<int, 2>, view<const int, 2>>);
  static_assert(!std::is_convertible_v<view<const int, 2>, view<int, 2>>);
  static_assert(!std::is_convertible_v<view<int, 2>, view<const long, 2>>);
  static_assert(std::is_trivially_copyable_v<view<float, 4>>);
  const view<int, 2> none;
  CHECK(none.data == nullptr);
  CHECK(none.size() == 0);
  int value = 3;
  const view<const int, 2> read = view<int, 2>(&value, 1, 1);
  value = 4;
  CHECK(read(0, 0) == 4);
  static_assert(std::is_same_v<decltype(view(&value, 1, 1)), view<int, 2>>);
}

}  // namespace
