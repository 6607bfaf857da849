// Groups of as many heads as the models of the zoo have, of 128, over a cache on NVIDIA's GPUs: in the tiles of sm_86 and of sm_89 too. Seven heads leave rows of
// a tile over.
#if !defined(TENON_TEST_ARCHS)
#define TENON_TEST_ARCHS tenon::sm80, tenon::sm86, tenon::sm89, tenon::sm90a
#endif
#include "../cached_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

template <int Group>
void check_group() {
  on_simulated_gpus([]<class Machine>(const Machine& machine) {
    conversation<Machine, 2 * Group, 2, 128> talk(machine, 150, 300);
    for (const auto& [first, last] : {std::pair<index_t, index_t>{149, 150}, {141, 150}, {138, 149}, {100, 150}}) {
      CAPTURE(first);
      CHECK(apart(talk.attend_to(first, last, causal{}, scaled{}, fixed_split{.length = 128}), talk.reference_of(first, last, causal{}, scaled{})) < bound_of_cached);
    }
  });
}

TEST_CASE("groups of five") { check_group<5>(); }
TEST_CASE("groups of six") { check_group<6>(); }
TEST_CASE("groups of seven") { check_group<7>(); }
TEST_CASE("groups of eight") { check_group<8>(); }

}  // namespace
