#pragma once
// How tenon reports what went wrong: `error` is thrown, `result<T>` is returned by the `try_` twins.

#include <cstddef>
#include <exception>
#include <type_traits>

#include <tenon/core/config.hpp>

TENON_KERNELS_BEGIN
namespace fault_detail {

/// Text under construction; what does not fit is cut. In the namespace of the instruction set, as the compiler vectorises it.
struct writer {
  char* text;
  std::size_t capacity;
  std::size_t size = 0;

  void append(char c) noexcept {
    if (size + 1 < capacity) text[size++] = c;
    text[size] = '\0';
  }
  void append(const char* from) noexcept {
    for (; *from != '\0'; ++from) append(*from);
  }
  template <class Text>
    requires requires(const Text& t) { t.data(), t.size(); }
  void append(const Text& from) noexcept {
    for (std::size_t i = 0; i < from.size(); ++i) append(from.data()[i]);
  }
  template <class Integer>
    requires(std::is_integral_v<Integer> && !std::is_same_v<Integer, char>)
  void append(Integer value) noexcept {
    char digits[24];
    int count = 0;
    using Unsigned = std::make_unsigned_t<std::conditional_t<std::is_same_v<Integer, bool>, int, Integer>>;
    auto rest = static_cast<Unsigned>(value);
    if constexpr (std::is_signed_v<Integer>) {
      if (value < 0) {
        append('-');
        rest = static_cast<Unsigned>(Unsigned{0} - rest);
      }
    }
    do {
      digits[count++] = static_cast<char>('0' + static_cast<int>(rest % 10));
      rest = static_cast<Unsigned>(rest / 10);
    } while (rest != 0);
    while (count > 0) append(digits[--count]);
  }
};

}  // namespace fault_detail
TENON_KERNELS_END

namespace tenon {

/// A fault with one sentence that names the thing and the repair. Copies never throw; a longer text is cut at the end.
class error : public std::exception {
 public:
  static constexpr std::size_t capacity = 1024;

  /// Joins its arguments, which are strings (anything with data() and size(), or char pointers) and integers.
  template <class... Parts>
  TENON_INLINE explicit error(const Parts&... parts) noexcept {
    text_[0] = '\0';
    [[maybe_unused]] fault_detail::writer to{text_, capacity};
    (to.append(parts), ...);
  }
  error(const error&) noexcept = default;
  error& operator=(const error&) noexcept = default;

  const char* what() const noexcept override { return text_; }

 private:
  char text_[capacity];
};

/// A value or the error that took its place. `value()` throws that error when there is no value.
template <class T>
class result {
 public:
  result(T value) : value_(static_cast<T&&>(value)), has_value_(true) {}
  result(const error& fault) noexcept : error_(fault), has_value_(false) {}
  result(result&& other) noexcept(std::is_nothrow_move_constructible_v<T>) : has_value_(other.has_value_) {
    if (has_value_)
      ::new (static_cast<void*>(&value_)) T(static_cast<T&&>(other.value_));
    else
      ::new (static_cast<void*>(&error_)) tenon::error(other.error_);
  }
  result& operator=(result&&) = delete;
  ~result() {
    if (has_value_)
      value_.~T();
    else
      error_.~error();
  }

  explicit operator bool() const noexcept { return has_value_; }
  T& value() & {
    if (!has_value_) throw error_;
    return value_;
  }
  T&& value() && { return static_cast<T&&>(value()); }
  T& operator*() & { return value(); }
  T* operator->() { return &value(); }
  /// The fault; only where there is no value.
  const tenon::error& fault() const noexcept { return error_; }

 private:
  union {
    T value_;
    tenon::error error_;
  };
  bool has_value_;
};

/// Calls `f` and turns a thrown tenon::error into a result.
template <class F>
auto attempt(F&& f) -> result<std::invoke_result_t<F>> {
  try {
    return f();
  } catch (const error& fault) {
    return fault;
  }
}

}  // namespace tenon
