#pragma once
// A product of bf16 by a vendor's library: cuBLASLt and hipBLASLt have the same functions under two names, which Library says.

#include <cstddef>
#include <cstdint>

#include <tenon/core/fault.hpp>

#include "owned.hpp"

namespace tenon_bench {

/// out [token, row] = x [token, depth] w [row, depth]^T in the way that Library's own heuristic thinks best. Throws tenon::error for what the library refuses.
template <class Library>
class library_product {
 public:
  library_product(std::uint64_t tokens, std::uint64_t rows, std::uint64_t depth, std::uint64_t room)
      : room_(room),
        handle_(need),
        product_(need, Library::compute, Library::sum),
        // Columns first: its out [row, token] is ours [token, row].
        w_(need, Library::number, depth, rows, static_cast<std::int64_t>(depth)),
        x_(need, Library::number, depth, tokens, static_cast<std::int64_t>(depth)),
        out_(need, Library::number, rows, tokens, static_cast<std::int64_t>(rows)),
        preference_(need) {
    const auto transposed = Library::transposed;
    need(Library::set_product(product_, Library::transposes_first, &transposed, sizeof transposed));
    need(Library::set_preference(preference_, Library::most_room, &room_, sizeof room_));
    int found = 0;
    need(Library::choose(handle_, product_, w_, x_, out_, out_, preference_, 1, &best_, &found));
    if (found == 0) throw tenon::error(Library::name, " knows no way to compute this product. Fix: other sizes.");
  }
  /// On a stream; `room` is as many bytes as were promised.
  template <class Stream>
  void operator()(const void* x, const void* w, void* out, void* room, Stream in) {
    const float one = 1, zero = 0;
    need(Library::multiply(handle_, product_, &one, w, w_, x, x_, &zero, out, out_, out, out_, &best_.algo, room, room_, in));
  }

 private:
  static constexpr auto need = [](auto status) {
    if (status != Library::success) throw tenon::error(Library::name, " failed with code ", static_cast<int>(status), ". Fix: its version must fit the driver and the GPU.");
  };
  std::uint64_t room_;
  typename Library::handle handle_;
  typename Library::product product_;
  typename Library::layout w_, x_, out_;
  typename Library::preference preference_;
  typename Library::way best_{};
};

}  // namespace tenon_bench
