#pragma once
// The facts of a model: keys and typed values, named as in GGUF ("llama.block_count") whatever file they came from.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/core/fault.hpp>
#include <tenon/model/weights/in_quotes.hpp>

namespace tenon {

/// The type of a fact, by its number in GGUF.
enum class fact_type : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, flag, text, list, u64, i64, f64 };

/// The bytes of one value; 0 where the value brings its own length (text, list).
constexpr std::size_t fact_bytes(fact_type type) {
  constexpr std::size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return sizes[static_cast<int>(type)];
}
constexpr const char* name(fact_type type) {
  constexpr const char* names[] = {"UINT8", "INT8", "UINT16", "INT16", "UINT32", "INT32", "FLOAT32", "BOOL", "STRING", "ARRAY", "UINT64", "INT64", "FLOAT64"};
  return names[static_cast<int>(type)];
}

/// Keys and values in the order of the file. Values are views: of the mapped file they were read from, which must outlive
/// them, or of memory that all copies of this object share. Getters return nothing for an absent key and throw
/// tenon::error for a value of another kind. Lists are decoded at every call.
class metadata {
 public:
  /// One fact. `bytes` are its values as GGUF encodes them, a text as its length in 8 bytes and then its characters.
  struct entry {
    std::string_view key;
    fact_type type;     ///< `list`, or the type of the one value
    fact_type element;  ///< the type of each value; never `list`
    std::uint64_t count;
    std::span<const std::byte> bytes;
  };

  /// `source` names the file in messages.
  explicit metadata(std::string source = "the metadata") : source_(std::move(source)) {}

  std::span<const entry> entries() const noexcept { return entries_; }
  std::vector<std::string_view> keys() const {
    std::vector<std::string_view> out;
    for (const entry& e : entries_) out.push_back(e.key);
    return out;
  }
  bool has(std::string_view key) const noexcept { return find(key) != nullptr; }

  std::optional<std::string_view> text(std::string_view key) const {
    const entry* e = single(key, "a text");
    if (e == nullptr) return {};
    if (e->type != fact_type::text) throw mismatch(*e, "a text");
    return take_text(e->bytes.data());
  }
  /// Any integer type; a value above 2^63 - 1 is a fault.
  std::optional<std::int64_t> integer(std::string_view key) const {
    const entry* e = single(key, "an integer");
    if (e == nullptr) return {};
    return integer_at(*e, 0);
  }
  /// Any integer or floating type.
  std::optional<double> real(std::string_view key) const {
    const entry* e = single(key, "a number");
    if (e == nullptr) return {};
    return real_at(*e, 0);
  }
  std::optional<bool> flag(std::string_view key) const {
    const entry* e = single(key, "true or false");
    if (e == nullptr) return {};
    if (e->type != fact_type::flag) throw mismatch(*e, "true or false");
    return e->bytes[0] != std::byte{0};
  }
  /// The lists: empty for an absent key; a single value counts as a list of one.
  std::vector<std::string_view> texts(std::string_view key) const {
    std::vector<std::string_view> out;
    const entry* e = find(key);
    if (e == nullptr) return out;
    if (e->element != fact_type::text) throw mismatch(*e, "a list of texts");
    out.reserve(static_cast<std::size_t>(e->count));
    const std::byte* at = e->bytes.data();
    for (std::uint64_t i = 0; i < e->count; ++i) {
      out.push_back(take_text(at));
      at += 8 + out.back().size();
    }
    return out;
  }
  std::vector<std::int64_t> integers(std::string_view key) const {
    std::vector<std::int64_t> out;
    const entry* e = find(key);
    if (e == nullptr) return out;
    for (std::uint64_t i = 0; i < e->count; ++i) out.push_back(integer_at(*e, i));
    return out;
  }
  std::vector<double> reals(std::string_view key) const {
    std::vector<double> out;
    const entry* e = find(key);
    if (e == nullptr) return out;
    for (std::uint64_t i = 0; i < e->count; ++i) out.push_back(real_at(*e, i));
    return out;
  }

  // Setters replace a fact of the same key, else append. Types are those that readers of GGUF expect: UINT32 for an
  // integer in its range (else INT64), INT32 in lists (else INT64), FLOAT32 for reals.
  void set_text(std::string_view key, std::string_view value) { own(key, false, fact_type::text, 1, encoded(value)); }
  void set_flag(std::string_view key, bool value) { own(key, false, fact_type::flag, 1, encoded(static_cast<std::uint8_t>(value))); }
  void set_real(std::string_view key, double value) { own(key, false, fact_type::f32, 1, encoded(static_cast<float>(value))); }
  void set_integer(std::string_view key, std::int64_t value) {
    if (value >= 0 && value <= std::numeric_limits<std::uint32_t>::max())
      own(key, false, fact_type::u32, 1, encoded(static_cast<std::uint32_t>(value)));
    else
      own(key, false, fact_type::i64, 1, encoded(value));
  }
  template <class Texts>
  void set_texts(std::string_view key, const Texts& values) {
    std::string bytes;
    for (const std::string_view value : values) bytes += encoded(value);
    own(key, true, fact_type::text, values.size(), bytes);
  }
  template <class Integers>
  void set_integers(std::string_view key, const Integers& values) {
    bool narrow = true;
    for (const std::int64_t value : values) narrow = narrow && value == static_cast<std::int32_t>(value);
    std::string bytes;
    for (const std::int64_t value : values) bytes += narrow ? encoded(static_cast<std::int32_t>(value)) : encoded(value);
    own(key, true, narrow ? fact_type::i32 : fact_type::i64, values.size(), bytes);
  }
  template <class Reals>
  void set_reals(std::string_view key, const Reals& values) {
    std::string bytes;
    for (const double value : values) bytes += encoded(static_cast<float>(value));
    own(key, true, fact_type::f32, values.size(), bytes);
  }
  /// Appends a fact whose bytes are already validated and stay where they are; for readers.
  void append(const entry& e) { entries_.push_back(e); }

 private:
  template <class T>
  static T load(const std::byte* at) noexcept {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  static std::string_view take_text(const std::byte* at) noexcept {
    return {reinterpret_cast<const char*>(at + 8), static_cast<std::size_t>(load<std::uint64_t>(at))};
  }
  template <class T>
    requires std::is_arithmetic_v<T>
  static std::string encoded(T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    return {bytes, sizeof value};
  }
  static std::string encoded(std::string_view text) { return encoded(std::uint64_t{text.size()}).append(text); }

  const entry* find(std::string_view key) const noexcept {
    for (const entry& e : entries_)
      if (e.key == key) return &e;
    return nullptr;
  }
  const entry* single(std::string_view key, const char* expected) const {
    const entry* e = find(key);
    if (e != nullptr && e->type == fact_type::list) throw mismatch(*e, expected);
    return e;
  }
  error mismatch(const entry& e, const char* expected) const {
    const char* list = e.type == fact_type::list ? "a list of " : "";
    return error(detail::shown(source_), ": metadata ", detail::in_quotes(e.key), ": expected ", expected, ", found ", list, name(e.element),
                 ". Fix: convert the model again with a current tool.");
  }
  std::int64_t integer_at(const entry& e, std::uint64_t i) const {
    const std::byte* at = e.bytes.data() + i * fact_bytes(e.element);
    switch (e.element) {
      case fact_type::u8: return load<std::uint8_t>(at);
      case fact_type::i8: return load<std::int8_t>(at);
      case fact_type::u16: return load<std::uint16_t>(at);
      case fact_type::i16: return load<std::int16_t>(at);
      case fact_type::u32: return load<std::uint32_t>(at);
      case fact_type::i32: return load<std::int32_t>(at);
      case fact_type::i64: return load<std::int64_t>(at);
      case fact_type::u64:
        if (const auto value = load<std::uint64_t>(at); value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
          return static_cast<std::int64_t>(value);
        throw mismatch(e, "an integer below 2^63");
      default: throw mismatch(e, e.type == fact_type::list ? "a list of integers" : "an integer");
    }
  }
  double real_at(const entry& e, std::uint64_t i) const {
    const std::byte* at = e.bytes.data() + i * fact_bytes(e.element);
    if (e.element == fact_type::f32) return static_cast<double>(load<float>(at));
    if (e.element == fact_type::f64) return load<double>(at);
    if (e.element == fact_type::u64) return static_cast<double>(load<std::uint64_t>(at));
    if (e.element == fact_type::text || e.element == fact_type::flag) throw mismatch(e, e.type == fact_type::list ? "a list of numbers" : "a number");
    return static_cast<double>(integer_at(e, i));
  }
  // Keeps key and value in one piece of memory that never moves.
  void own(std::string_view key, bool list, fact_type element, std::size_t count, const std::string& bytes) {
    auto kept = std::make_shared<const std::string>(std::string(key) + bytes);
    const std::string_view at = *kept;
    const auto* first = reinterpret_cast<const std::byte*>(at.data());
    const entry fresh{at.substr(0, key.size()), list ? fact_type::list : element, element, count, {first + key.size(), bytes.size()}};
    owned_.push_back(std::move(kept));
    for (entry& e : entries_)
      if (e.key == key) {
        e = fresh;
        return;
      }
    entries_.push_back(fresh);
  }

  std::string source_;
  std::vector<entry> entries_;
  std::vector<std::shared_ptr<const std::string>> owned_;
};

}  // namespace tenon
