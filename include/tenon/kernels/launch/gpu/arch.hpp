#pragma once
// The architectures of GPUs that kernels are written for, as names: what a machine is asked for, `simulated<sm80>` or with_arch. A leaf is
// declared here and complete where its own header is included.

#include <cstddef>

#include <tenon/core/config.hpp>
#include <tenon/kernels/tuning/gpu_facts.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {
struct leaf;
struct leaf_simulated;
}  // namespace atoms::sm80
namespace atoms::gfx90a {
struct leaf;
struct leaf_simulated;
}  // namespace atoms::gfx90a
namespace atoms::sm75 {
struct leaf;
struct leaf_simulated;
}  // namespace atoms::sm75
namespace atoms::sm90a {
struct leaf;
struct leaf_simulated;
}  // namespace atoms::sm90a
namespace atoms::gfx942 {
struct leaf;
struct leaf_simulated;
}  // namespace atoms::gfx942
namespace atoms::gfx1100 {
struct leaf;
struct leaf_simulated;
}  // namespace atoms::gfx1100
namespace atoms::gfx1201 {
struct leaf;
struct leaf_simulated;
}  // namespace atoms::gfx1201

/// NVIDIA's Turing: f16, no copies beside the threads.
struct sm75 {
  static constexpr const char* name = "sm_75";
  static constexpr int number = 75;
  static constexpr std::size_t shared_limit = 64 * 1024;
  using leaf = atoms::sm75::leaf;
  using simulated_leaf = atoms::sm75::leaf_simulated;
};

/// NVIDIA's Ampere. Its kernels serve every later NVIDIA GPU.
struct sm80 {
  static constexpr const char* name = "sm_80";
  static constexpr int number = 80;  ///< compute capability, major * 10 + minor
  static constexpr tuning::gpu_facts facts = tuning::facts_sm80;
  static constexpr std::size_t shared_limit = facts.shared_limit;  ///< bytes that a block may have
  using leaf = atoms::sm80::leaf;
  using simulated_leaf = atoms::sm80::leaf_simulated;
};

/// NVIDIA's GPUs of Ampere (8.6) whose multiprocessors share 100 KB: the kernels of sm_80 in tiles that fit these; of 8.7 too, where ptxas spills the larger
/// ones.
struct sm86 {
  static constexpr const char* name = "sm_86";
  static constexpr int number = 86;
  static constexpr tuning::gpu_facts facts = tuning::facts_sm86;
  static constexpr std::size_t shared_limit = facts.shared_limit;
  using leaf = atoms::sm80::leaf;
  using simulated_leaf = atoms::sm80::leaf_simulated;
};

/// NVIDIA's Ada (8.9) and those of Blackwell (12) that share as much: the same, and products of e4m3.
struct sm89 {
  static constexpr const char* name = "sm_89";
  static constexpr int number = 89;
  static constexpr tuning::gpu_facts facts = tuning::facts_sm89;
  static constexpr std::size_t shared_limit = facts.shared_limit;
  using leaf = atoms::sm80::leaf;
  using simulated_leaf = atoms::sm80::leaf_simulated;
};

/// NVIDIA's Hopper, with what only it has.
struct sm90a {
  static constexpr const char* name = "sm_90a";
  static constexpr int number = 90;
  static constexpr std::size_t shared_limit = 227 * 1024;
  using leaf = atoms::sm90a::leaf;
  using simulated_leaf = atoms::sm90a::leaf_simulated;
};

/// AMD's MI200: CDNA2. AMD's kernels serve exactly the GPU that they are compiled for.
struct gfx90a {
  static constexpr const char* name = "gfx90a";
  static constexpr int number = 0x90a;
  static constexpr std::size_t shared_limit = 64 * 1024;
  using leaf = atoms::gfx90a::leaf;
  using simulated_leaf = atoms::gfx90a::leaf_simulated;
};
/// AMD's MI300: CDNA3.
struct gfx942 {
  static constexpr const char* name = "gfx942";
  static constexpr int number = 0x942;
  static constexpr std::size_t shared_limit = 64 * 1024;
  using leaf = atoms::gfx942::leaf;
  using simulated_leaf = atoms::gfx942::leaf_simulated;
};
/// AMD's Radeon RX 7900: RDNA3.
struct gfx1100 {
  static constexpr const char* name = "gfx1100";
  static constexpr int number = 0x1100;
  static constexpr std::size_t shared_limit = 64 * 1024;
  using leaf = atoms::gfx1100::leaf;
  using simulated_leaf = atoms::gfx1100::leaf_simulated;
};
/// AMD's Radeon RX 9070: RDNA4.
struct gfx1201 {
  static constexpr const char* name = "gfx1201";
  static constexpr int number = 0x1201;
  static constexpr std::size_t shared_limit = 64 * 1024;
  using leaf = atoms::gfx1201::leaf;
  using simulated_leaf = atoms::gfx1201::leaf_simulated;
};

TENON_KERNELS_END
