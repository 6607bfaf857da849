#pragma once
// x of the products of one call on a GPU, as their kernels take it: rounded, arranged or quantised once, when it is first asked for.

#include <type_traits>

#include <tenon/core/memory.hpp>
#include <tenon/core/number.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/gpu/panel_matmul.hpp>
#include <tenon/kernels/launch/gpu/quantise.hpp>
#include <tenon/kernels/shared/panel.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

constexpr index_t staged_depth(index_t depth) { return (depth + 63) / 64 * 64; }

/// x as Number and in an order, rows padded with zeros to whole stages.
template <class Order, class Number = bf16, device_machine Machine>
const Number* arrange_rows(const Machine& machine, const view<const float, 2>& x, Number* to) {
  const index_t depth = x.extent[1];
  launch(machine, static_cast<int>(x.extent[0]), 1,
         arrange_body<typename Machine::leaf, Order, Number>{x.data, to, x.stride[0], static_cast<int>(depth), static_cast<int>(staged_depth(depth)),
                                                             reinterpret_cast<std::uintptr_t>(x.data) % 8 == 0 && x.stride[0] % 2 == 0});
  return to;
}

/// Bytes of quantised rows, aligned to 16.
constexpr std::size_t quantised_bytes(index_t tokens, index_t depth) {
  return static_cast<std::size_t>(tokens * quantised_stride(depth)) + round_up(static_cast<std::size_t>(tokens * scales_of(depth)) * sizeof(float), 16);
}
/// [token, quantised_stride(depth)], and the scales [depth / 128, token] behind them.
template <class Number>
struct quantised_rows {
  Number* numbers;
  float* scales;
  quantised_rows(std::byte* at, index_t tokens, index_t depth) : numbers(reinterpret_cast<Number*>(at)), scales(reinterpret_cast<float*>(at + tokens * quantised_stride(depth))) {}
};

/// x of one call, and in the scratch, once asked for, what matrix units take of it: bf16 (f16 on sm_75) in its own order, or in that of panels, or numbers of 8
/// bits with a scale per 128 of a token.
template <device_machine Machine>
class device_x {
 public:
  using arch_words = words_of<typename Machine::arch>;
  using leaf = typename Machine::leaf;
  static constexpr bool takes_panels = arch_words::template multiplies<bf16>;
  using number = std::conditional_t<takes_panels, bf16, f16>;
  static std::size_t bytes(index_t tokens, index_t depth) {
    return static_cast<std::size_t>(tokens * staged_depth(depth)) * sizeof(number) * (has_order() ? 2 : 1) + (takes_panels ? quantised_bytes(tokens, depth) : 0);
  }

  device_x(const Machine& machine, view<const float, 2> x, std::byte* scratch)
      : machine_(machine), x_(x), scratch_(scratch), eight_bits_(scratch + bytes(x.extent[0], x.extent[1]) - quantised_bytes(x.extent[0], x.extent[1])) {}
  /// x [tokens, depth] of which there is nothing else, for many tokens.
  template <class Number>
  device_x(const Machine& machine, index_t tokens, index_t depth, const quantised_rows<Number>& made)
      : machine_(machine), x_(nullptr, tokens, depth), scratch_(nullptr), eight_bits_(reinterpret_cast<std::byte*>(made.numbers)), quantised_(kind_of<Number>) {}
  const view<const float, 2>& rows() const { return x_; }
  const number* natural() { return made<natural_order>(natural_, 0); }
  const bf16* ordered() {
    if constexpr (has_order())
      return made<ordered_words>(ordered_, x_.extent[0] * staged_depth(x_.extent[1]));
    else
      return natural();
  }
  /// What was made of another Number is overwritten: launches follow each other.
  template <class Number>
  quantised_rows<Number> quantised() {
    const index_t tokens = x_.extent[0], depth = x_.extent[1];
    const quantised_rows<Number> rows(eight_bits_, tokens, depth);
    if (quantised_ != kind_of<Number>) quantise(machine_, x_, rows.numbers, rows.scales);
    quantised_ = kind_of<Number>;
    return rows;
  }

 private:
  enum class eight_bits { none, int8, e4m3 };
  template <class Number>
  static constexpr eight_bits kind_of = std::is_same_v<Number, e4m3> ? eight_bits::e4m3 : eight_bits::int8;
  template <class Words = arch_words>
  struct order_of {
    using type = typename Words::template panel_matmul<leaf, panel::q8_0, 1>;  // whose order is that of all panels
  };
  struct no_order {
    using type = natural_order;
  };
  using ordered_words = typename std::conditional_t<takes_panels, order_of<>, no_order>::type;
  static consteval bool has_order() { return !same_order<ordered_words, natural_order>(); }

  template <class Order>
  const number* made(bool& is, index_t at) {
    auto* const to = reinterpret_cast<number*>(scratch_) + at;
    if (!is) arrange_rows<Order>(machine_, x_, to);
    is = true;
    return to;
  }
  const Machine& machine_;
  view<const float, 2> x_;
  std::byte *scratch_, *eight_bits_;
  bool natural_ = false, ordered_ = false;
  eight_bits quantised_ = eight_bits::none;
};

}  // namespace kernel_detail
TENON_KERNELS_END
