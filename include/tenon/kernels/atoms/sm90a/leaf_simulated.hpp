#pragma once
// The leaf of sm_90a executed on a processor: the same names as leaf.hpp, over the simulated machine.

#include <tenon/kernels/atoms/simulated/products.hpp>
#include <tenon/kernels/atoms/sm80/leaf_simulated.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm90a {

struct leaf_simulated : sm80::leaf_simulated {
  static constexpr const char* name = "simulated sm90a";
  template <class T>
  using held = simulation::held<T>;

  /// A multiple of 1024 and of nothing more.
  static constexpr address shared() { return 3072; }

  static void init_arrivals(address at, int count, site where = site::current()) { simulation::init_arrivals(at, count, where); }
  static void publish_arrivals() { simulation::publish_arrivals(); }
  static void arrive(address at, site where = site::current()) { simulation::arrive(at, 0, where); }
  static void arrive_expecting(address at, int bytes, site where = site::current()) { simulation::arrive(at, bytes, where); }
  static void await_arrivals(address at, int parity, site where = site::current()) { simulation::await_arrivals(at, parity, where); }

  static void copy_box(address to, const tensor_map& from, address barrier, int x, int y, site where = site::current()) {
    simulation::copy_box(to, from, barrier, {x, y, 0, 0}, 2, where);
  }
  static void copy_box(address to, const tensor_map& from, address barrier, int x, int y, int z, int w, site where = site::current()) {
    simulation::copy_box(to, from, barrier, {x, y, z, w}, 4, where);
  }
  static void copy_bytes(address to, const void* from, int bytes, address barrier, site where = site::current()) { simulation::copy_bytes(to, from, bytes, barrier, where); }
  static void fence_shared() { simulation::fence_shared(); }

  template <int Count>
  static void give_registers(site where = site::current()) {
    simulation::set_registers(Count, where);
  }
  template <int Count>
  static void take_registers(site where = site::current()) {
    simulation::set_registers(Count, where);
  }

  static void begin_products(site where = site::current()) { simulation::begin_products(where); }
  template <class Sums>
  static void begin_products(Sums&, site where = site::current()) {
    simulation::begin_products(where);
  }
  template <class Sums, class Left>
  static void begin_products(Sums&, Left&, site where = site::current()) {
    simulation::begin_products(where);
  }
  static void commit_products(site where = site::current()) { simulation::commit_products(where); }
  template <int Pending>
  static void await_products(site where = site::current()) {
    simulation::await_products<Pending>(where);
  }
  template <int Pending, class Sums>
  static void await_products(Sums&, site where = site::current()) {
    simulation::await_products<Pending>(where);
  }
  template <int Pending, class Sums, class Left>
  static void await_products(Sums&, Left&, site where = site::current()) {
    simulation::await_products<Pending>(where);
  }
  template <class Number = bf16, int Tiles>
  static void multiply(held<float> (&d)[Tiles][4], std::uint64_t a, std::uint64_t b, bool more, site where = site::current()) {
    simulation::multiply_later<Number, Tiles, false>(d, nullptr, a, b, more, where);
  }
  template <int Tiles>
  static void multiply_rows(held<float> (&d)[Tiles][4], held<std::uint32_t> (&a)[4], std::uint64_t b, site where = site::current()) {
    simulation::multiply_later<bf16, Tiles, true>(d, &a, 0, b, true, where);
  }
  template <int Tiles>
  static void multiply_registers(held<float> (&d)[Tiles][4], held<std::uint32_t> (&a)[4], std::uint64_t b, site where = site::current()) {
    simulation::multiply_later<bf16, Tiles, false>(d, &a, 0, b, true, where);
  }
};

}  // namespace atoms::sm90a
TENON_KERNELS_END
