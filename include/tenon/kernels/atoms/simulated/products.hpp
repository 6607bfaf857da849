#pragma once
// Asynchronous products of a simulated warp, one of the four that compute 16 rows each: from issue until the wait for their group they hold
// their registers and the operands in shared memory, and touching those is a fault. Source: PTX ISA, wgmma.

#include <tenon/kernels/atoms/simulated/collectives.hpp>
#include <tenon/kernels/atoms/simulated/matrix_tables.hpp>
#include <tenon/kernels/atoms/simulated/phase_words.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

/// A register that products may hold. Reading or writing it meanwhile is a fault, found where it happens.
template <class T>
class held {
 public:
  held() { std::memset(&value_, 0xff, sizeof value_); }
  held(const held& other) : held() { *this = static_cast<T>(other); }
  held& operator=(const held& other) { return *this = static_cast<T>(other); }
  held& operator=(T value) {
    touch("written");
    value_ = value;
    return *this;
  }
  held& operator*=(T by) {
    touch("written");
    value_ *= by;
    return *this;
  }
  operator T() const {
    touch("read");
    return value_;
  }

  // For products alone.
  T& value() { return value_; }
  bool fenced(const lane& by) const { return touched_ < by.product_fences; }
  void take(site_id at) { ++users_, by_ = at; }
  void leave() { --users_; }

 private:
  void touch(const char* how) const {
    executor* const e = executor::current();
    if (e == nullptr) return;
    touched_ = e->me().product_fences;
    if (users_ == 0) return;
    e->fail(fault_kind::skipped_await, e->me().at, by_, e->me().thread, [&] {
      return std::string("a register of the product issued at ") + e->at(by_, e->me().thread) + " is " + how + " before the product is waited for, after " +
             e->at(e->me().at, e->me().thread);
    });
  }
  T value_;
  mutable std::uint32_t touched_ = 0;
  std::uint16_t users_ = 0;
  site_id by_ = 0;
};

namespace product_detail {

// An operand that is not a multiple of 16 bytes in place, for whoever reads shared memory as products do. 128 bytes permuted is the one
// layout that kernels use. PTX ISA, 'Matrix descriptor format': addresses and offsets in units of 16 bytes.
struct operand {
  std::uint32_t start, leading, stride;
  bool permuted;
  explicit operand(std::uint64_t d)
      : start(static_cast<std::uint32_t>(d & 0x3fff) << 4),
        leading(static_cast<std::uint32_t>(d >> 16 & 0x3fff) << 4),
        stride(static_cast<std::uint32_t>(d >> 32 & 0x3fff) << 4),
        permuted(d >> 62 == 1 && (d >> 49 & 7) == 0) {}
};

// The executor's addresses of 16-byte chunks, from the ISA's canonical layouts (matrix_tables.hpp): chunk c of row r of a [rows, 16]; and chunk
// c of row k of a [16, columns].
inline std::uint32_t along(const operand& o, int row, int chunk) { return permuted_128(o.start + wgmma_k_major::offset(row, chunk, o.stride)); }
inline std::uint32_t across(const operand& o, int k, int chunk) { return permuted_128(o.start + wgmma_mn_major::offset(k, chunk, o.leading, o.stride)); }

template <class F>
void each_piece(const product& p, int columns, bool across_rows, F&& f) {
  const operand a(p.a), b(p.b);
  if (p.left[0] == nullptr)
    for (int r = 0; r < 16; ++r)
      for (int c = 0; c < 2; ++c) f(along(a, p.warp % 4 * 16 + r, c));
  if (across_rows)
    for (int k = 0; k < 16; ++k)
      for (int c = 0; c < columns / 8; ++c) f(across(b, k, c));
  else
    for (int n = 0; n < columns; ++n)
      for (int c = 0; c < 2; ++c) f(along(b, n, c));
}

template <class Number>
void read_chunk(executor& e, std::uint32_t address, float* to) {
  Number numbers[16 / sizeof(Number)];
  std::memcpy(static_cast<void*>(numbers), e.shared() + (address - e.shared_base()), 16);
  for (const Number& x : numbers) *to++ = static_cast<float>(x);
}

template <class Number, int Tiles, bool AcrossRows>
void compute(executor& e, product& p) {
  constexpr int columns = Tiles * 8, of_chunk = 16 / static_cast<int>(sizeof(Number)), depth = 2 * of_chunk;
  static_assert(sizeof(Number) == 2 || !AcrossRows);
  using sums_of_lane = held<float>[Tiles][4];
  float a[16][depth], b[depth][columns], turned[columns][depth];
  const operand right(p.b);
  if (p.left[0] == nullptr) {
    for (int r = 0; r < 16; ++r)
      for (int c = 0; c < 2; ++c) read_chunk<Number>(e, along(operand(p.a), p.warp % 4 * 16 + r, c), &a[r][of_chunk * c]);
  } else {
    for (int l = 0; l < 32; ++l) {
      auto& registers = *static_cast<held<std::uint32_t>(*)[4]>(const_cast<void*>(p.left[l]));
      for (int i = 0; i < 8; ++i) {
        const std::uint32_t word = registers[i / 2].value();
        a[wgmma_fragments::row_a(l, i)][wgmma_fragments::column_a(l, i)] = static_cast<float>(bf16::from_bits(static_cast<std::uint16_t>(word >> (i % 2 * 16))));
      }
    }
  }
  if constexpr (AcrossRows) {
    for (int k = 0; k < 16; ++k)
      for (int c = 0; c < Tiles; ++c) read_chunk<Number>(e, across(right, k, c), &b[k][8 * c]);
  } else {
    for (int n = 0; n < columns; ++n)
      for (int c = 0; c < 2; ++c) read_chunk<Number>(e, along(right, n, c), &turned[n][of_chunk * c]);
    for (int k = 0; k < depth; ++k)
      for (int n = 0; n < columns; ++n) b[k][n] = turned[n][k];
  }
  float d[16][columns];
  const auto each = [&](auto&& f) {
    for (int l = 0; l < 32; ++l) {
      auto& sums = *static_cast<sums_of_lane*>(p.sums[l]);
      for (int i = 0; i < Tiles * 4; ++i) f(d[wgmma_fragments::row_d(l, i)][wgmma_fragments::column_d(l, i)], sums[i / 4][i % 4]);
    }
  };
  each([&](float& sum, held<float>& of_lane) { sum = p.more ? of_lane.value() : 0.0f; });
  for (int r = 0; r < 16; ++r)
    for (int k = 0; k < depth; ++k)
      for (int n = 0; n < columns; ++n) d[r][n] += a[r][k] * b[k][n];
  each([&](const float& sum, held<float>& of_lane) { of_lane.value() = sum; });
  p.computed = true;
}

template <int Tiles, bool AcrossRows>
void done(executor& e, product& p) {
  for (int l = 0; l < 32; ++l) {
    for (auto& tile : *static_cast<held<float>(*)[Tiles][4]>(p.sums[l]))
      for (auto& sum : tile) sum.leave();
    if (p.left[0] != nullptr)
      for (auto& word : *static_cast<held<std::uint32_t>(*)[4]>(const_cast<void*>(p.left[l]))) word.leave();
  }
  if (e.checked())
    each_piece(p, Tiles * 8, AcrossRows, [&](std::uint32_t address) { e.shadow().reads().end(address - e.shared_base(), static_cast<std::size_t>(p.warp), e.now()); });
}

// What one lane gives.
template <int Tiles>
struct operands {
  held<float> (*sums)[Tiles][4];
  held<std::uint32_t> (*left)[4];
  std::uint64_t a, b;
  bool more;
};

template <class Number, int Tiles, bool AcrossRows>
void issue(executor& e, void* const* all) {
  const site_id at = e.me().at;
  auto& first = *static_cast<operands<Tiles>*>(all[0]);
  warp_state& w = e.warp_of(e.me());
  product p{compute<Number, Tiles, AcrossRows>, done<Tiles, AcrossRows>, {}, {}, first.a, first.b, first.more, false, w.product_groups, e.me().warp, at};
  bool uniform = true, fenced = true;
  for (int l = 0; l < 32; ++l) {
    auto& mine = *static_cast<operands<Tiles>*>(all[l]);
    const lane& by = e.lane_of(p.warp, l);
    uniform &= mine.a == p.a && mine.b == p.b && mine.more == p.more;
    fenced &= by.product_fences != 0;
    p.sums[l] = mine.sums, p.left[l] = mine.left;
    for (auto& tile : *mine.sums)
      for (auto& sum : tile) fenced &= sum.fenced(by), sum.take(at);
    if (mine.left != nullptr)
      for (auto& word : *mine.left) fenced &= word.fenced(by), word.take(at);
  }
  if (!uniform) phase_detail::invalid(e, at, "operands of a product that are not the same in all lanes,");
  if (!fenced) phase_detail::invalid(e, at, "a product whose registers were touched since the last begin_products, issued");
  if (!operand(p.b).permuted || (p.left[0] == nullptr && !operand(p.a).permuted)) {
    phase_detail::invalid(e, at, "a product whose operand is not in rows of 128 permuted bytes, issued");
    return e.give_up();
  }
  bool inside = true;
  conflict found;
  const lane& by = e.me();
  each_piece(p, Tiles * 8, AcrossRows, [&](std::uint32_t address) {
    if (!inside) return;
    inside = access_detail::allowed_shared(e, address, 16, "product", at);
    if (!inside || !e.checked()) return;
    const std::uint32_t offset = address - e.shared_base();
    if (found.kind == conflict::none)
      found = e.shadow().engine(offset, 16, e.as(by, at), false, [&](std::uint32_t thread, std::uint32_t time) { return e.fenced(by, thread, time); });
    e.shadow().reads().begin(offset, e.shared_bytes(), e.warps(), at, static_cast<std::uint32_t>(by.thread));
  });
  if (!inside) return e.give_up();
  access_detail::report_conflict(e, found, false, at);
  ++w.product_count;
  w.products.push_back(p);
  if (e.how().copies == copies::eager) compute<Number, Tiles, AcrossRows>(e, w.products.back());
}

template <int Pending>
void finish(executor& e, void* const*) {
  warp_state& w = e.warp_of(e.me());
  std::size_t left = 0;
  for (product& p : w.products) {
    if (p.group + Pending >= w.product_groups) {
      w.products[left++] = p;
      continue;
    }
    if (!p.computed) p.compute(e, p);
    p.done(e, p);
  }
  w.products.resize(left);
}

}  // namespace product_detail

/// d = a b, or d + a b where `more`: d [16, 8 Tiles] of this warp, over 32 bytes of the depth in Numbers; a from registers, of bf16, where `left` is not null.
template <class Number, int Tiles, bool AcrossRows>
void multiply_later(held<float> (&d)[Tiles][4], held<std::uint32_t> (*left)[4], std::uint64_t a, std::uint64_t b, bool more, const site& where) {
  product_detail::operands<Tiles> mine{&d, left, a, b, more};
  executor::current()->collective(instruction::matrix, where, &mine, product_detail::issue<Number, Tiles, AcrossRows>);
}
inline void begin_products(const site& where) {
  executor::current()->collective(instruction::wait, where, nullptr, [](executor& e, void* const*) {
    for (int l = 0; l < 32; ++l) ++e.lane_of(e.me().warp, l).product_fences;
  });
}
inline void commit_products(const site& where) {
  executor::current()->collective(instruction::wait, where, nullptr, [](executor& e, void* const*) { ++e.warp_of(e.me()).product_groups; });
}
template <int Pending>
void await_products(const site& where) {
  executor::current()->collective(instruction::wait, where, nullptr, product_detail::finish<Pending>);
}
inline void set_registers(int count, const site& where) {
  executor::current()->collective(instruction::wait, where, &count, [](executor& e, void* const* all) {
    const int asked = *static_cast<int*>(all[0]);
    if (asked < 24 || asked > 256 || asked % 8 != 0) phase_detail::invalid(e, e.me().at, std::to_string(asked), " registers asked for: 24 to 256 in steps of 8 are allowed;");
    e.warp_of(e.me()).registers = asked;
  });
}

}  // namespace simulation
TENON_KERNELS_END
