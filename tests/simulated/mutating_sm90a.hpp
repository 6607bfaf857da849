#pragma once
// The leaf of sm_90a with slips.

#include "mutating_leaf.hpp"

namespace tenon::testing {

struct mutating_sm90a : mutating_leaf<simulated<sm90a>::leaf> {
  using base = simulated<sm90a>::leaf;

  template <int Pending>
  static void wait() {
    if (!nth(mutation::drop_wait)) base::wait<Pending>();
  }

  static void init_arrivals(address at, int count, site where = site::current()) { base::init_arrivals(at, count + (is(mutation::wrong_count) ? 1 : 0), where); }
  static void publish_arrivals() {
    if (!is(mutation::drop_publish)) base::publish_arrivals();
  }
  static void arrive(address at, site where = site::current()) {
    if (!nth(mutation::drop_arrival)) base::arrive(at, where);
  }
  static void arrive_expecting(address at, int bytes, site where = site::current()) {
    base::arrive_expecting(at, bytes + (is(mutation::fewer_bytes) ? -16 : is(mutation::more_bytes) ? 16 : 0), where);
  }
  static void await_arrivals(address at, int parity, site where = site::current()) {
    if (nth(mutation::drop_phase_wait) || (is(mutation::lone_phase_wait) && thread() % 32 != 0)) return;
    base::await_arrivals(at, nth(mutation::wrong_phase) ? parity ^ 1 : parity, where);
  }
  static void fence_shared() {
    if (!nth(mutation::drop_fence)) base::fence_shared();
  }
  template <class... At>
  static void copy_box(address to, const tensor_map& from, address barrier, int x, int y, At... at) {
    if (nth(mutation::drop_box)) return;
    base::copy_box(to + (is(mutation::box_elsewhere) ? 1024 : 0), from, barrier, x, y + (is(mutation::box_next) ? 1 : 0), at...);
  }
  static void copy_bytes(address to, const void* from, int bytes, address barrier, site where = site::current()) {
    if (nth(mutation::drop_box)) return;
    base::copy_bytes(to + (is(mutation::box_elsewhere) ? 1024 : 0), static_cast<const std::byte*>(from) + (is(mutation::box_next) ? 64 : 0), bytes, barrier, where);
  }

  template <int Count>
  static void give_registers(site where = site::current()) {
    if (!is(mutation::keep_registers)) base::give_registers<Count>(where);
  }
  static void begin_products(site where = site::current()) {
    if (!nth(mutation::drop_product_fence)) base::begin_products(where);
  }
  template <class Sums>
  static void begin_products(Sums& sums, site where = site::current()) {
    if (!nth(mutation::drop_product_fence)) base::begin_products(sums, where);
  }
  template <class Sums, class Left>
  static void begin_products(Sums& sums, Left& left, site where = site::current()) {
    if (!nth(mutation::drop_product_fence)) base::begin_products(sums, left, where);
  }
  static void commit_products(site where = site::current()) {
    if (!nth(mutation::drop_product_commit)) base::commit_products(where);
  }
  static std::uint32_t shuffle_xor(std::uint32_t value, int mask, site where = site::current()) {
    return is(mutation::skip_shuffle) && mask == now.n ? value : base::shuffle_xor(value, mask, where);
  }
  static float shuffle_xor(float value, int mask, site where = site::current()) { return mutating_leaf::shuffle_xor(value, mask, where); }
  template <int Pending>
  static void await_products(site where = site::current()) {
    if (!nth(mutation::drop_product_wait)) base::await_products<Pending>(where);
  }
  template <int Pending, class Sums>
  static void await_products(Sums& sums, site where = site::current()) {
    if (!nth(mutation::drop_product_wait)) base::await_products<Pending>(sums, where);
  }
  template <int Pending, class Sums, class Left>
  static void await_products(Sums& sums, Left& left, site where = site::current()) {
    if (!nth(mutation::drop_product_wait)) base::await_products<Pending>(sums, left, where);
  }
  template <class Number = bf16, int Tiles>
  static void multiply(held<float> (&d)[Tiles][4], std::uint64_t a, std::uint64_t b, bool more, site where = site::current()) {
    if (nth(mutation::drop_product)) return;
    base::template multiply<Number>(d, a + (is(mutation::shift_left) ? 1 : 0), right(b), more || is(mutation::add_to_first), where);
  }
  template <int Tiles>
  static void multiply_rows(held<float> (&d)[Tiles][4], held<std::uint32_t> (&a)[4], std::uint64_t b, site where = site::current()) {
    if (!nth(mutation::drop_product)) base::multiply_rows(d, a, right(b), where);
  }
  template <int Tiles>
  static void multiply_registers(held<float> (&d)[Tiles][4], held<std::uint32_t> (&a)[4], std::uint64_t b, site where = site::current()) {
    if (!nth(mutation::drop_product)) base::multiply_registers(d, a, right(b), where);
  }

 private:
  static std::uint64_t right(std::uint64_t b) {
    if (is(mutation::wrong_stride)) return b + (std::uint64_t{1024 >> 4} << 32);
    if (is(mutation::wrong_order)) return b & ~(std::uint64_t{3} << 62);
    return b + (is(mutation::shift_right) ? 1 : 0);
  }
};

}  // namespace tenon::testing
