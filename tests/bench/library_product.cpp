// What benches ask of a vendor's library, which is played here: every call made to fail, and everything released each time.
#include <doctest/doctest.h>

#include <cstdint>
#include <set>
#include <string>

#include "../../bench/kernels/library_product.hpp"

namespace {

struct thing;
struct played {
  std::set<thing*> living = {};
  std::uintptr_t made = 0;
  int calls = 0, failing = 0, ways = 1;  // failing: which call does, counted from 1
  std::uint64_t columns[3] = {};
} now;
int next_call() { return ++now.calls == now.failing ? 7 : 0; }
int create(thing** to) {
  if (const int code = next_call()) return code;
  *to = reinterpret_cast<thing*>(++now.made);
  return now.living.insert(*to), 0;
}
int destroy(thing* it) { return now.living.erase(it) == 1 ? 0 : 3; }
int create_product(thing** to, int, int) { return create(to); }
int create_layout(thing** to, int, std::uint64_t, std::uint64_t columns, std::int64_t) {
  for (auto& at : now.columns)
    if (at == 0) {
      at = columns;
      break;
    }
  return create(to);
}
int set(thing*, int, const void*, std::size_t) { return next_call(); }
struct chosen {
  int algo;
};
int choose_played(thing*, thing*, thing*, thing*, thing*, thing*, thing*, int, chosen* to, int* found) { return *to = {5}, *found = now.ways, next_call(); }
int multiply_played(thing*, thing*, const void*, const void*, thing*, const void*, thing*, const void*, const void*, thing*, void*, thing*, const int* algo, void*, std::uint64_t, void*) {
  CHECK(*algo == 5);
  return next_call();
}

struct library {
  static constexpr const char* name = "a library";
  using handle = tenon_bench::owned<&create, &destroy>;
  using product = tenon_bench::owned<&create_product, &destroy>;
  using layout = tenon_bench::owned<&create_layout, &destroy>;
  using preference = handle;
  using way = chosen;
  static constexpr int success = 0, number = 0, sum = 0, compute = 0, transposed = 1, transposes_first = 0, most_room = 0;
  static constexpr auto set_product = &set, set_preference = &set;
  static constexpr auto choose = &choose_played;
  static constexpr auto multiply = &multiply_played;
};
void run() {
  tenon_bench::library_product<library> of(3, 40, 64, 1024);
  of(nullptr, nullptr, nullptr, nullptr, static_cast<void*>(nullptr));
}

TEST_CASE("a product makes what it needs and releases it") {
  now = {};
  run();
  CHECK(now.made == 6);
  CHECK(now.living.empty());
  CHECK(now.columns[0] == 40);
  CHECK(now.columns[1] == 3);
}

TEST_CASE("whichever call fails, one sentence says so and nothing is left") {
  now = {};
  run();
  const int calls = now.calls;
  for (int call = 1; call <= calls; ++call) {
    now = {.failing = call};
    CHECK_THROWS_WITH_AS(run(), "a library failed with code 7. Fix: its version must fit the driver and the GPU.", tenon::error);
    CHECK(now.calls == call);
    CHECK(now.living.empty());
  }
  now = {.ways = 0};
  CHECK_THROWS_WITH_AS(run(), "a library knows no way to compute this product. Fix: other sizes.", tenon::error);
  CHECK(now.living.empty());
}

}  // namespace
