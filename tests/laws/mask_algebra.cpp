// 343 types of composed masks with random parameters: keep is what the operators say, and covers never lie. Masks of a user's
// own namespace, with and without covers, take part.
#include <doctest/doctest.h>

#include <random>
#include <utility>

#include <tenon/policies/mask.hpp>

namespace elsewhere {

struct odd_keys {  // five lines, no base, no cover
  bool keep(tenon::position p) const { return p.key % 2 == 1; }
};
struct near {
  int reach;
  constexpr bool keep(tenon::position p) const { return p.query - p.key <= reach && p.key - p.query <= reach; }
  constexpr tenon::cover covers(tenon::tile t) const {
    if (t.q0 - (t.k1 - 1) > reach || t.k0 - (t.q1 - 1) > reach) return tenon::cover::none;
    return t.q1 - 1 - t.k0 <= reach && t.k1 - 1 - t.q0 <= reach ? tenon::cover::all : tenon::cover::some;
  }
};

}  // namespace elsewhere

namespace tenon {
namespace {

int from(std::mt19937& random, int lo, int hi) { return lo + static_cast<int>(random() % static_cast<unsigned>(hi - lo + 1)); }

template <int Which>
auto simple(std::mt19937& r) {
  if constexpr (Which == 0) return causal{};
  if constexpr (Which == 1) return window{.width = from(r, 1, 24)};
  if constexpr (Which == 2) return prefix{.length = from(r, 0, 48)};
  if constexpr (Which == 3) return chunk{.length = from(r, 1, 24)};
  if constexpr (Which == 4) return dilated{.stride = from(r, 1, 6)};
  if constexpr (Which == 5) return elsewhere::odd_keys{};
  if constexpr (Which == 6) return elsewhere::near{from(r, 0, 30)};
}

// The same mask without its type, so that 343 of them compile quickly.
struct any_mask {
  const void* object;
  bool (*keep)(const void*, position);
  cover (*covers)(const void*, tile);
};
template <class Mask>
any_mask erase(const Mask& mask) {
  return {&mask, [](const void* o, position p) { return static_cast<const Mask*>(o)->keep(p); },
          [](const void* o, tile t) { return covers(*static_cast<const Mask*>(o), t); }};
}

[[gnu::noinline]] void check(const any_mask& whole, const any_mask (&parts)[3], int form, std::mt19937& random) {
  for (int trial = 0; trial < 12; ++trial) {
    tile t;
    t.q0 = from(random, 0, 60), t.k0 = from(random, 0, 60);
    t.q1 = t.q0 + from(random, 1, 12), t.k1 = t.k0 + from(random, 1, 12);
    const cover said = whole.covers(whole.object, t);
    for (int i = t.q0; i < t.q1; ++i)
      for (int j = t.k0; j < t.k1; ++j) {
        const position p{.query = i, .key = j};
        const bool a = parts[0].keep(parts[0].object, p), b = parts[1].keep(parts[1].object, p), c = parts[2].keep(parts[2].object, p);
        const bool want = form == 0 ? (a && b) || c : form == 1 ? (a || !b) && c : form == 2 ? !(a && c) || b : a && (b || !c);
        const bool kept = whole.keep(whole.object, p);
        REQUIRE(kept == want);
        REQUIRE((said == cover::some || kept == (said == cover::all)));
      }
  }
}

template <int Code>
void composed(std::mt19937& random) {
  constexpr int form = (Code + Code / 7) % 4;
  const auto a = simple<Code % 7>(random);
  const auto b = simple<Code / 7 % 7>(random);
  const auto c = simple<Code / 49>(random);
  const any_mask parts[3] = {erase(a), erase(b), erase(c)};
  if constexpr (form == 0) {
    const auto whole = any_of(all_of(a, b), c);
    check(erase(whole), parts, form, random);
  } else if constexpr (form == 1) {
    const auto whole = all_of(any_of(a, none_of(b)), c);
    check(erase(whole), parts, form, random);
  } else if constexpr (form == 2) {
    const auto whole = any_of(none_of(all_of(a, c)), b);
    check(erase(whole), parts, form, random);
  } else {
    const auto whole = all_of(a, any_of(b, none_of(c)));
    check(erase(whole), parts, form, random);
  }
}

}  // namespace

TEST_CASE("composed masks") {
  std::mt19937 random(3);
  [&]<int... Code>(std::integer_sequence<int, Code...>) {
    constexpr void (*each[])(std::mt19937&) = {composed<Code>...};
    for (const auto check_one : each) check_one(random);
  }(std::make_integer_sequence<int, 343>());
}

TEST_CASE("operators are found where one side is tenon's, and elsewhere by using") {
  const auto with_one = causal{} & elsewhere::near{3};
  CHECK(with_one.keep({.query = 5, .key = 4}));
  CHECK_FALSE(with_one.keep({.query = 5, .key = 6}));
  using tenon::operator&;
  const auto of_two = elsewhere::near{3} & elsewhere::odd_keys{};
  CHECK(of_two.keep({.query = 5, .key = 3}));
  CHECK_FALSE(of_two.keep({.query = 5, .key = 4}));
}

TEST_CASE("Kleene logic") {
  constexpr cover every[] = {cover::none, cover::some, cover::all};
  for (const cover a : every) {
    CHECK((!!a) == a);
    CHECK((a & cover::all) == a);
    CHECK((a | cover::none) == a);
    for (const cover b : every) CHECK((!(a & b)) == ((!a) | (!b)));
  }
  static_assert((causal{} & window{.width = 4}).covers({.q0 = 8, .q1 = 12, .k0 = 0, .k1 = 4}) == cover::none);
  static_assert((!chunk{.length = 8}).covers({.q0 = 8, .q1 = 12, .k0 = 0, .k1 = 4}) == cover::all);
}

}  // namespace tenon
