#pragma once
// A leaf that does one thing wrong, chosen at run time: what a slip of a kernel's author would do, done below unchanged words.

#include <cstdint>
#include <utility>

#include <tenon/kernels/launch/simulated.hpp>

namespace tenon::testing {

enum class mutation {
  none,
  drop_barrier,       // the n-th of each thread
  drop_barrier_once,  // the n-th, in one warp only
  extra_barrier,      // one warp passes one more
  drop_sync_warp,
  drop_wait,         // the n-th
  wait_early,        // each wait leaves one group more
  drop_commit,       // the n-th
  drop_copy,         // the n-th of each thread
  copy_elsewhere,    // 16 bytes further in shared memory
  copy_shifted,      // from one number further in global memory: misaligned
  copy_next_row,     // from 128 bytes further
  no_zero_fill,      // the bytes that should be zeros keep what was there
  swap_left,         // registers 1 and 2 of the left operand
  swap_right,        // registers of the right operand
  swap_sums,         // two sums change places
  first_for_all,     // sums begin anew at the n-th product
  swap_loaded,       // registers 1 and 2 of a matrix load
  transpose_loaded,  // transposed loads are not, and others are
  wrong_swizzle,     // matrix loads look at the neighbouring chunk
  no_swizzle,        // chunks lie in order, everywhere: right and slow
  skip_shuffle,      // of mask n: a lane keeps its own
  skip_packed_shuffle,
  wrong_shuffle,     // mask 1 becomes 2
  swap_packed,       // high and low
  truncate_packed,   // rounds towards zero
  wrong_exponent,    // e^x for 2^x
  store_elsewhere,   // global stores land one access further
  store_shared_elsewhere,
  load_shared_elsewhere,
  load_neighbours,  // of 4 bytes in shared memory: those 32 further or before
  swap_nibbles,     // of what is loaded 8 bytes at a time
  wrong_byte,       // permuted bytes are their neighbours
  own_uniform,      // each lane has its own
  one_lane_leaves,  // out of a shuffle
  // Of machines with barriers that have phases, boxes, and asynchronous products.
  drop_phase_wait,    // the n-th of each thread
  lone_phase_wait,    // only lane 0 waits
  wrong_phase,        // the n-th wait is for the other one
  drop_arrival,       // the n-th of each thread
  arrive_early,       // before the products are waited for
  wrong_count,        // one arrival more
  drop_publish,
  drop_fence,         // the n-th fence between writes and products
  drop_box,           // the n-th
  box_elsewhere,      // a panel further in shared memory
  box_next,           // from the next row
  fewer_bytes,        // announced
  more_bytes,
  drop_product,       // the n-th
  drop_product_fence, // the n-th
  drop_product_commit,
  drop_product_wait,  // the n-th
  shift_left,         // the left operand's rows 16 bytes further
  shift_right,        // the right operand's
  wrong_stride,       // between patterns of the right operand
  wrong_order,        // the right operand as if its chunks lay in order
  add_to_first,       // sums are never begun
  keep_registers,     // that should be given
};

/// What is wrong, and which occurrence where that matters.
struct slip {
  mutation what = mutation::none;
  int n = 0;
};
inline slip now;
inline int break_number = 0;  // of the launch: counters of occurrences begin anew

template <class Base>
struct mutating_leaf : Base {
  using site = simulation::site;
  using address = typename Base::address;

  static bool is(mutation what) { return now.what == what; }
  /// Whether this is the n-th call of a thread in its block, counted by the mutation's own counter.
  static bool nth(mutation what) {
    if (now.what != what) return false;
    static int calls[1024], block[1024];
    const auto t = static_cast<std::size_t>(Base::thread());
    const int here = 1 + Base::block_x() + 1000 * (Base::block_y() + 1000 * Base::block_z());
    if (block[t] != here || generation[t] != break_number) block[t] = here, generation[t] = break_number, calls[t] = 0;
    return calls[t]++ == now.n;
  }
  static inline int generation[1024];

  static void barrier(site where = site::current()) {
    if (nth(mutation::drop_barrier)) return;
    if (Base::thread() / Base::lanes == 0 && nth(mutation::drop_barrier_once)) return;
    if (Base::thread() / Base::lanes == 0 && nth(mutation::extra_barrier)) Base::barrier(where);
    Base::barrier(where);
  }
  static void sync_warp(site where = site::current()) {
    if (!nth(mutation::drop_sync_warp)) Base::sync_warp(where);
  }
  static float shuffle_xor(float value, int mask, site where = site::current()) {
    if (is(mutation::skip_shuffle) && mask == now.n) return value;
    if (is(mutation::one_lane_leaves) && Base::thread() == 9) return value;
    return Base::shuffle_xor(value, is(mutation::wrong_shuffle) && mask == now.n ? (mask == 1 ? 2 : mask / 2) : mask, where);
  }
  static std::uint32_t shuffle_xor(std::uint32_t value, int mask, site where = site::current()) {
    return is(mutation::skip_packed_shuffle) ? value : Base::shuffle_xor(value, mask, where);
  }
  static int uniform(int value, site where = site::current()) {
    return Base::uniform(is(mutation::own_uniform) ? value + Base::thread() % 2 : value, where);
  }

  template <class T>
  static void store(T* to, const T& value, site where = site::current()) {
    Base::store(is(mutation::store_elsewhere) ? to + 1 : to, value, where);
  }
  template <class T>
  static T load_shared(address from, site where = site::current()) {
    if (is(mutation::load_neighbours) && sizeof(T) == 4) from ^= 32;
    T value = Base::template load_shared<T>(unpermuted(is(mutation::load_shared_elsewhere) ? from ^ address{sizeof(T)} : from), where);
    if constexpr (sizeof(T) == 8)
      if (is(mutation::swap_nibbles))
        for (std::uint32_t& word : value.word) word = (word >> 4 & 0x0f0f0f0fu) | (word << 4 & 0xf0f0f0f0u);
    return value;
  }
  template <class T>
  static void store_shared(address to, const T& value, site where = site::current()) {
    Base::store_shared(unpermuted(is(mutation::store_shared_elsewhere) ? to ^ address{sizeof(T)} : to), value, where);
  }
  static void copy_16(address to, const void* from, site where = site::current()) { copy_16(to, from, 16, where); }
  static void copy_16(address to, const void* from, int bytes, site where = site::current()) {
    if (nth(mutation::drop_copy)) return;
    if (is(mutation::no_zero_fill) && bytes == 0) return Base::copy_16(unpermuted(to), from, 16, where);
    const auto* const at = static_cast<const unsigned char*>(from);
    Base::copy_16(unpermuted(is(mutation::copy_elsewhere) ? to ^ 16 : to),
                  at + (is(mutation::copy_shifted) ? 2 : 0) + (is(mutation::copy_next_row) ? 128 : 0), bytes, where);
  }
  static std::uint32_t permute_bytes(std::uint32_t a, std::uint32_t b, std::uint32_t select) {
    return Base::permute_bytes(a, b, is(mutation::wrong_byte) ? select ^ 0x100u : select);
  }
  static float exp2(float x) { return Base::exp2(is(mutation::wrong_exponent) ? 1.44269504f * x : x); }
  template <class Number>
  static std::uint32_t pack(float low, float high) {
    if (is(mutation::swap_packed)) return Base::template pack<Number>(high, low);
    return Base::template pack<Number>(low, high);
  }
  static std::uint32_t pack_bf16(float low, float high) {
    if (is(mutation::swap_packed)) return Base::pack_bf16(high, low);
    if (is(mutation::truncate_packed)) return bit_cast<std::uint32_t>(low) >> 16 | (bit_cast<std::uint32_t>(high) & 0xffff0000u);
    return Base::pack_bf16(low, high);
  }

  /// Undoes the permutation of rows of 128 bytes where that is the mutation.
  static address unpermuted(address at) {
    const address from_start = at - Base::shared();
    return is(mutation::no_swizzle) ? Base::shared() + (from_start ^ (from_start >> 7 & 7) << 4) : at;
  }
};

/// The leaf of sm_80 with slips.
struct mutating_sm80 : mutating_leaf<simulated<sm80>::leaf> {
  using base = simulated<sm80>::leaf;

  static void load_matrices(std::uint32_t (&to)[4], address row, site where = site::current()) { load_four(to, row, false, where); }
  static void load_matrices_transposed(std::uint32_t (&to)[4], address row, site where = site::current()) {
    load_four(to, row, true, where);
  }

  static void commit() {
    if (!nth(mutation::drop_commit)) base::commit();
  }
  template <int Pending>
  static void wait() {
    if (nth(mutation::drop_wait)) return;
    if (is(mutation::wait_early)) return base::wait<Pending + 1>();
    base::wait<Pending>();
  }

  template <class Number = bf16>
  static void mma(sum_of<Number> (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1, site where = site::current()) {
    if (nth(mutation::first_for_all))
      for (auto& sum : d) sum = 0;
    const std::uint32_t swapped[4] = {a[0], a[2], a[1], a[3]};
    if (is(mutation::swap_right)) std::swap(b0, b1);
    base::template mma<Number>(d, is(mutation::swap_left) ? swapped : a, b0, b1, where);
    if (nth(mutation::swap_sums)) std::swap(d[1], d[2]);
  }
  template <class Number = bf16>
  static void mma_first(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1, site where = site::current()) {
    for (float& sum : d) sum = 0;
    mma<Number>(d, a, b0, b1, where);
  }

 private:
  static void load_four(std::uint32_t (&to)[4], address row, bool transposed, const site& where) {
    const address at = unpermuted(is(mutation::wrong_swizzle) ? row ^ 16 : row);
    if (transposed != is(mutation::transpose_loaded))
      base::load_matrices_transposed(to, at, where);
    else
      base::load_matrices(to, at, where);
    if (is(mutation::swap_loaded)) std::swap(to[1], to[2]);
  }
};

/// The leaf of one of AMD's architectures with slips.
template <class Arch>
struct mutating_amd : mutating_leaf<typename simulated<Arch>::leaf> {
  using base = typename simulated<Arch>::leaf;
  using site = simulation::site;
  using leaf = mutating_leaf<base>;

  template <class Number>
  static void multiply(typename base::template sums<Number>& d, const typename base::operand& a, const typename base::operand& b, site where = site::current()) {
    if (leaf::nth(mutation::first_for_all)) d = typename base::template sums<Number>{};
    typename base::operand left = a, right = b;
    if (leaf::is(mutation::swap_left)) left.chunk[0][0] = a.chunk[0][1], left.chunk[0][1] = a.chunk[0][0];
    if (leaf::is(mutation::swap_right)) right.chunk[0][0] = b.chunk[0][1], right.chunk[0][1] = b.chunk[0][0];
    base::template multiply<Number>(d, left, right, where);
    if (leaf::nth(mutation::swap_sums)) {
      const auto kept = d[3];
      d[3] = d[2], d[2] = kept;
    }
  }
  template <class Number>
  static std::uint32_t pack_weights(float low, float high) {
    return leaf::template pack<Number>(low, high);
  }
};

}  // namespace tenon::testing
