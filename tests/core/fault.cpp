// error, result and attempt.

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include <tenon/core/fault.hpp>
#include <tenon/core/memory.hpp>

namespace {

using tenon::error;
using tenon::result;

TEST_CASE("an error joins texts and integers of every width") {
  CHECK(std::string(error("a ", 1, ' ', std::string("b"), std::string_view(" c "), -7L, " ", true).what()) == "a 1 b c -7 1");
  CHECK(std::string(error(std::numeric_limits<std::int64_t>::min()).what()) == "-9223372036854775808");
  CHECK(std::string(error(std::numeric_limits<std::uint64_t>::max()).what()) == "18446744073709551615");
  CHECK(std::string(error(std::int8_t{-128}, " ", std::uint8_t{255}).what()) == "-128 255");
  CHECK(std::string(error().what()).empty());
}

TEST_CASE("a text too long is cut, not overrun; copies are equal") {
  const error e(std::string(5000, 'x'), "tail");
  CHECK(std::string(e.what()) == std::string(error::capacity - 1, 'x'));
  const error copy = e;
  CHECK(std::string(copy.what()) == e.what());
  static_assert(std::is_nothrow_copy_constructible_v<error>);
}

TEST_CASE("a result is a value or an error") {
  result<std::string> good(std::string("value"));
  REQUIRE(static_cast<bool>(good));
  CHECK(*good == "value");
  CHECK(good->size() == 5);
  result<std::string> bad(error("what went wrong"));
  REQUIRE_FALSE(static_cast<bool>(bad));
  CHECK(std::string(bad.fault().what()) == "what went wrong");
  CHECK_THROWS_WITH_AS(bad.value(), "what went wrong", error);
  result<std::string> moved(std::move(good));
  CHECK(moved.value() == "value");
  result<std::string> moved_bad(std::move(bad));
  CHECK_FALSE(static_cast<bool>(moved_bad));
}

TEST_CASE("results own what they hold, movable only included") {
  const auto counted = std::make_shared<int>(3);
  {
    result<std::shared_ptr<int>> held(counted);
    result<std::shared_ptr<int>> other(std::move(held));
    CHECK(counted.use_count() == 2);
  }
  CHECK(counted.use_count() == 1);
  result<std::unique_ptr<int>> unique(std::make_unique<int>(4));
  const std::unique_ptr<int> taken = std::move(unique).value();
  CHECK(*taken == 4);
}

TEST_CASE("attempt turns an error into a result and lets others pass") {
  const auto good = tenon::attempt([] { return 3; });
  CHECK(static_cast<bool>(good));
  const auto bad = tenon::attempt([]() -> int { throw error("no"); });
  CHECK(std::string(bad.fault().what()) == "no");
  CHECK_THROWS_AS(tenon::attempt([]() -> int { throw 5; }), int);
}

TEST_CASE("a buffer is zeroed, aligned, movable, and refuses what cannot be") {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{100}, std::size_t{3} << 20}) {
    tenon::buffer b(bytes);
    REQUIRE(b.size() == bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(b.data()) % 64 == 0);
    CHECK(b.data()[0] == std::byte{0});
    CHECK(b.data()[bytes - 1] == std::byte{0});
    b.data()[bytes - 1] = std::byte{7};
    tenon::buffer moved(std::move(b));
    CHECK(moved.data()[bytes - 1] == std::byte{7});
    tenon::buffer assigned;
    assigned = std::move(moved);
    CHECK(assigned.data()[bytes - 1] == std::byte{7});
    CHECK(assigned.size() == bytes);
  }
  CHECK(tenon::buffer(0).data() == nullptr);
  CHECK_THROWS_AS(tenon::buffer(std::numeric_limits<std::size_t>::max() - 5, "the cache"), error);
  CHECK_THROWS_AS(tenon::buffer(std::size_t{1} << 60, "the cache"), error);
  CHECK(tenon::round_up(65, 64) == 128);
  CHECK(tenon::round_up(64, 64) == 64);
  CHECK(tenon::round_up(0, 64) == 0);
}

}  // namespace
