#pragma once
// What architectures of GPUs have, as data, and how many blocks of a kernel that leaves room for. Registers are counted for each lane of a
// scheduler, of which both vendors have several to a multiprocessor (a compute unit; on RDNA two of them, that share a workgroup), so that one
// formula serves all. It knows of no latency and no bandwidth: what it says is what fits, not what is fast.
//
// Sources: CUDA C++ Programming Guide 13.0, table 'Technical Specifications per Compute Capability'; AMD, 'CDNA 2', 'CDNA 3', 'RDNA 3' and
// 'RDNA 4' instruction set architecture, and the register file of each in LLVM's AMDGPU usage guide.

#include <type_traits>

namespace tenon::tuning {

struct gpu_facts {
  const char* name;
  int lanes;                     ///< threads of a warp, or wave
  int schedulers;                ///< that share a block; each has registers of its own
  int registers;                 ///< of 32 bits, for each lane of a scheduler's warps together
  int most_registers;            ///< that a thread may have
  int register_step;             ///< they are given out by so many
  int warps;                     ///< that a scheduler holds at most
  int blocks;                    ///< that a multiprocessor holds at most
  int shared_bytes;              ///< of a multiprocessor
  int shared_limit;              ///< that a block may have
  int shared_reserved;           ///< that each block takes beside its own
};

inline constexpr int kib = 1024;
inline constexpr gpu_facts facts_sm75{"sm_75", 32, 4, 512, 255, 8, 8, 16, 64 * kib, 64 * kib, 0};
inline constexpr gpu_facts facts_sm80{"sm_80", 32, 4, 512, 255, 8, 16, 32, 164 * kib, 163 * kib, kib};
inline constexpr gpu_facts facts_sm86{"sm_86", 32, 4, 512, 255, 8, 12, 16, 100 * kib, 99 * kib, kib};
inline constexpr gpu_facts facts_sm89{"sm_89", 32, 4, 512, 255, 8, 12, 24, 100 * kib, 99 * kib, kib};
inline constexpr gpu_facts facts_sm90a{"sm_90a", 32, 4, 512, 255, 8, 16, 32, 228 * kib, 227 * kib, kib};
inline constexpr gpu_facts facts_gfx90a{"gfx90a", 64, 4, 512, 512, 8, 8, 32, 64 * kib, 64 * kib, 0};
inline constexpr gpu_facts facts_gfx942{"gfx942", 64, 4, 512, 512, 8, 8, 32, 64 * kib, 64 * kib, 0};
inline constexpr gpu_facts facts_gfx1100{"gfx1100", 32, 4, 1536, 256, 24, 16, 32, 128 * kib, 64 * kib, 0};
inline constexpr gpu_facts facts_gfx1201{"gfx1201", 32, 4, 1536, 256, 24, 16, 32, 128 * kib, 64 * kib, 0};
inline constexpr gpu_facts every_gpu[] = {facts_sm75, facts_sm80, facts_sm86, facts_sm89, facts_sm90a, facts_gfx90a, facts_gfx942, facts_gfx1100, facts_gfx1201};

/// What one block of a kernel takes.
struct block_cost {
  int threads, registers, shared_bytes;  ///< registers: of a thread
};
/// What keeps a multiprocessor from one block more.
enum class bound { registers, shared_memory, warps, blocks };

struct occupancy {
  int blocks;  ///< that a multiprocessor runs at once; 0: the kernel cannot start
  bound by;
};
constexpr occupancy occupancy_of(const gpu_facts& on, const block_cost& cost) {
  const int warps = (cost.threads + on.lanes - 1) / on.lanes;  // of one block, over all schedulers
  const int registers = (cost.registers + on.register_step - 1) / on.register_step * on.register_step;
  const int fits[] = {cost.registers > on.most_registers ? 0 : on.schedulers * (on.registers / registers) / warps,
                      cost.shared_bytes > on.shared_limit ? 0 : on.shared_bytes / (cost.shared_bytes + on.shared_reserved > 0 ? cost.shared_bytes + on.shared_reserved : 1),
                      on.schedulers * on.warps / warps, on.blocks};
  occupancy out{fits[0], bound::registers};
  for (int i = 1; i < 4; ++i)
    if (fits[i] < out.blocks) out = {fits[i], static_cast<bound>(i)};
  return out;
}

static_assert(occupancy_of(facts_sm80, {128, 255, 64 * kib}).blocks == 2 && occupancy_of(facts_sm86, {128, 255, 64 * kib}).by == bound::shared_memory);
static_assert(occupancy_of(facts_gfx942, {256, 217, 35 * kib}).blocks == 1 && occupancy_of(facts_gfx1100, {256, 192, 35 * kib}).blocks == 3);

/// The rule of every choice: candidates stand in the order of their worth, first the most that is computed for each number that is read, then the most between two
/// barriers; the first is taken of which `wanted` blocks run at once; where there is none, of which one less does; the last where none can start. `wanted` is two where a
/// block that waits for its copies has nothing else to do, one where copies and products of a block run side by side.
template <class Tile, int Count, class Blocks>
consteval Tile first_that_fits(const Tile (&candidates)[Count], int wanted, Blocks blocks_of) {
  for (; wanted > 0; --wanted)
    for (const Tile& each : candidates)
      if (blocks_of(each) >= wanted) return each;
  return candidates[Count - 1];
}

/// Problem::tile, where it has one of this kind, else what was chosen.
template <class Problem, class Tile>
constexpr Tile own_tile_or(Tile chosen) {
  if constexpr (requires { requires std::is_same_v<decltype(Problem::tile), const Tile>; })
    return Problem::tile;
  else
    return chosen;
}

/// How much a mask and a score ask of each number: `scaled` is folded into the exponent; others hold operands and temporaries; `listed` stands for
/// those that read memory for each number, `looked_up` for those that hold the addresses of all keys of a tile.
enum class score_weight { scaled, computed, listed, looked_up };

/// How keys and values of a cache reach their tiles: as they are, or widened from 8 bits on their way.
enum class arrival { copied, widened };

}  // namespace tenon::tuning
