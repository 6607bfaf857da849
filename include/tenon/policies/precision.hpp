#pragma once
// Precision: which arithmetic a model's products use, and which numbers its cache holds. How weights are *stored* is a
// property of the file, tensor by tensor, and not said here.

#include <cstdint>

#include <tenon/core/storage.hpp>
#include <tenon/policies/cache.hpp>

namespace tenon {

/// The arithmetic of a product's multiplications. Sums are fp32 (int8, int8x2: exact int32 within 32 values, then fp32).
enum class compute : std::uint8_t {
  fp32,  ///< activations and weights as fp32
  bf16,  ///< both rounded to bf16
  int8,  ///< activations quantised to int8 with one scale per 32 values, as each product starts; integer blocks stay as stored
  int8x2,  ///< two int8 per activation, a high and a low one, with one scale per 512 values: 15 bits for twice the dots
  e4m3,    ///< floats of both sides as e4m3, activations with one scale per 128 values, weights with one per row: on GPUs that multiply it
};

/// A choice of arithmetic per role. Softmax, norms and residual sums are fp32 under every choice.
/// `Cache` is the number of cached keys and values: float, bf16, f16, int8_per_128, e4m3_per_128 or int8_per_32; of latents also
/// latent_and_rotary.
template <class Cache = float>
struct precision_policy {
  static_assert(cache_number<Cache>, "[precision_policy.Cache] must be float, bf16, f16 or a block_scaled number. Fix: as in precision_policy<bf16>.");
  using cache = Cache;
  compute floats = compute::fp32;    ///< products with weights stored as f32, f16 or e4m3
  compute bf16s = compute::fp32;     ///< products with weights stored as bf16
  compute integers = compute::fp32;  ///< products with weights stored as integers: i8 and the q blocks

  /// The arithmetic for weights stored as `kind`.
  constexpr compute products(storage kind) const {
    if (kind == storage::bf16) return bf16s;
    return kind == storage::f32 || kind == storage::f16 || kind == storage::e4m3 ? floats : integers;
  }
};

/// fp32 everywhere, whatever the file holds: the precision of the tests' oracles.
inline constexpr precision_policy<float> full_precision{};
/// Weights as the file has them: int8 dots with 15 bits per activation where they are integers, bf16 dots where they are bf16, else
/// fp32; a bf16 cache.
inline constexpr precision_policy<bf16> as_stored{.floats = compute::fp32, .bf16s = compute::bf16, .integers = compute::int8x2};
/// As `as_stored`, with all float weights multiplied as bf16: twice the rate where the CPU's bf16 dot is a full-rate instruction.
inline constexpr precision_policy<bf16> bf16_products{.floats = compute::bf16, .bf16s = compute::bf16, .integers = compute::int8x2};
/// As `as_stored`, with 8 bits per activation: the precision of llama.cpp, and up to twice as fast where products are the limit. On GPUs whole numbers meet where
/// weights are stored as i8, with one scale per 128 activations and per row of weights.
inline constexpr precision_policy<bf16> int8_products{.floats = compute::fp32, .bf16s = compute::bf16, .integers = compute::int8};

/// As `as_stored`, with float weights multiplied as e4m3: GPUs of sm_89 and newer, gfx942 and gfx1201 alone.
inline constexpr precision_policy<bf16> e4m3_products{.floats = compute::e4m3, .bf16s = compute::e4m3, .integers = compute::int8x2};

/// Names an arithmetic for every storage and a number for the cache.
template <class P>
concept precision_like = requires(const P& p, storage kind) {
  typename P::cache;
  requires cache_number<typename P::cache>;
  { p.products(kind) } -> std::same_as<compute>;
};
static_assert(precision_like<precision_policy<float>> && precision_like<precision_policy<bf16>>);

}  // namespace tenon
