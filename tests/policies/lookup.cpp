// What policies say that they look up, and what is said of compositions: the most of their parts.
#include <tenon/policies/gathered.hpp>
#include <tenon/policies/lookup.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>

#include <doctest/doctest.h>

namespace {

using namespace tenon;

struct odd {
  constexpr bool keep(position p) const { return (p.key & 1) != 0; }
};
struct of_prices {
  const float* prices;
  static constexpr lookup looks_up = lookup::by_key;
  template <class T>
  constexpr T adjust(T s, position p) const {
    return s + T(prices[p.key]);
  }
};

template <class Policy>
consteval bool says(lookup expected, Policy) {
  return lookup_of<Policy>() == expected;
}

TEST_CASE("positions are computed, tables and lists read, keys of a document held") {
  CHECK((says(lookup::none, causal{} & window{5}) && says(lookup::none, padding{}) && says(lookup::none, odd{}) && says(lookup::none, scaled{} >> soft_cap{5})));
  CHECK((says(lookup::some, bits{}) && says(lookup::some, block_sparse{}) && says(lookup::some, token_sparse{}) && says(lookup::some, tree{})));
  CHECK((says(lookup::some, relative_bias{}) && says(lookup::some, fourier{}) && says(lookup::none, task{})));
  CHECK((says(lookup::by_key, document{}) && says(lookup::by_key, key_bias{}) && says(lookup::by_key, of_prices{})));
}

TEST_CASE("a composition says the most that a part of it says") {
  CHECK((says(lookup::by_key, causal{} & document{}) && says(lookup::by_key, document{} | bits{}) && says(lookup::some, !(causal{} & tree{})) && says(lookup::none, !causal{})));
  CHECK((says(lookup::by_key, scaled{} >> of_prices{} >> soft_cap{5}) && says(lookup::some, scaled{} >> soft_cap{5} >> relative_bias{})));
  CHECK((says(lookup::by_key, gathered_keys<causal>{}) && says(lookup::by_key, gathered_rows<scaled>{})));
}

}  // namespace
