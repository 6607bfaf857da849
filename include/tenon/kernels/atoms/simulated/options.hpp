#pragma once
// How a simulated machine runs: in which order, when copies land, and what it watches.

#include <cstdint>

#include <tenon/core/config.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

/// The order in which warps, and the threads of a warp, take their turns. A schedule is a sample: run several.
enum class schedule : std::uint8_t { round_robin, reversed, random };

/// When the bytes of an asynchronous copy arrive: as early or as late as the hardware may.
enum class copies : std::uint8_t { eager, lazy };

/// What is watched. `results` only computes, and refuses accesses out of bounds.
enum class checks : std::uint8_t { results, all };

struct options {
  simulation::schedule schedule = schedule::round_robin;
  std::uint32_t seed = 1;  // of schedule::random
  simulation::copies copies = copies::lazy;
  simulation::checks checks = checks::all;
  int stack_kib = 256;  // of one GPU thread; address space, taken when touched
};

}  // namespace simulation
TENON_KERNELS_END
