#pragma once
// The header of a safetensors file: u64 size, then that many bytes of JSON, then the data.
//   {"name": {"dtype": "BF16", "shape": [rows, columns], "data_offsets": [begin, end]}, ..., "__metadata__": {text: text}}
// Format: github.com/huggingface/safetensors. Needs nlohmann_json (target tenon::text). The JSON is read as a stream of
// events, so that a hostile header never becomes a large tree.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <tenon/core/fault.hpp>
#include <tenon/core/storage.hpp>
#include <tenon/model/weights/in_quotes.hpp>
#include <tenon/model/weights/weights_file.hpp>

namespace tenon::detail {

class safetensors_header {
 public:
  /// The tensors of the file `bytes`, under the names that it has for them, in the order of their data.
  static std::vector<stored_tensor> read(std::span<const std::byte> bytes, const std::string& path) {
    safetensors_header header(path);
    std::uint64_t size = 0;
    if (bytes.size() < sizeof size) throw header.fault("expected 8 bytes with the size of the header", std::to_string(bytes.size()) + " bytes");
    std::memcpy(&size, bytes.data(), sizeof size);
    // The limit is that of the reference implementation.
    const std::uint64_t most = std::min<std::uint64_t>(bytes.size() - sizeof size, 100'000'000);
    if (size > most) throw header.fault("expected a header of at most " + std::to_string(most) + " bytes (a safetensors file begins with its size)", std::to_string(size));
    const auto* first = reinterpret_cast<const char*>(bytes.data()) + sizeof size;
    if (size == 0 || *first != '{') throw header.fault("expected a header that begins with '{'", in_quotes({first, size == 0 ? 0u : 1u}));
    nlohmann::json::sax_parse(first, first + size, &header);
    return header.place(bytes.subspan(sizeof size + static_cast<std::size_t>(size)));
  }

  // The events of the parser. Each place of the grammar above has a number of open brackets and an expected kind.
  bool start_object(std::size_t) {
    if (depth_ == 0) return enter(inside::tensors);
    if (depth_ == 1) return enter(key_ == "__metadata__" ? inside::remarks : inside::tensor);
    throw grammar();
  }
  bool end_object() {
    if (inside_ == inside::tensor) {
      if (!has_type_ || !has_shape_ || !has_offsets_) throw fault("expected " + who() + " to have dtype, shape and data_offsets", "one missing");
      finish();
    }
    inside_ = inside::tensors;
    --depth_;
    return true;
  }
  bool key(std::string& name) {
    if (inside_ == inside::tensors) {
      if (name == "__metadata__" && std::exchange(has_remarks_, true)) throw fault("expected one '__metadata__'", "two");
      if (name != "__metadata__" && !is_name(name, 255)) throw fault("expected a tensor name of 1 to 255 bytes of printable UTF-8", std::to_string(name.size()) + " bytes " + in_quotes(name));
      key_ = name;
    } else if (inside_ == inside::tensor) {
      bool* seen = name == "dtype" ? &has_type_ : name == "shape" ? &has_shape_ : name == "data_offsets" ? &has_offsets_ : nullptr;
      if (seen == nullptr) throw fault("expected " + who() + " to have dtype, shape and data_offsets", in_quotes(name));
      if (std::exchange(*seen, true)) throw fault("expected " + who() + " to have one " + name, "two");
      field_ = name;
    }
    return true;
  }
  bool string(std::string& text) {
    if (inside_ == inside::remarks) return true;
    if (inside_ != inside::tensor || field_ != "dtype") throw grammar();
    for (const storage kind : {storage::f32, storage::f16, storage::bf16, storage::e4m3, storage::i8})
      if (text == name(kind)) {
        tensor_.matrix.kind = kind;
        return true;
      }
    throw error(shown(path_), ": ", who(), ": expected type F32, F16, BF16, F8_E4M3 or I8, found ", in_quotes(text), ". Fix: use a file of one of these types.");
  }
  bool start_array(std::size_t) {
    if (inside_ != inside::tensor || (field_ != "shape" && field_ != "data_offsets")) throw grammar();
    inside_ = inside::numbers;
    return true;
  }
  bool number_unsigned(std::uint64_t value) {
    if (inside_ != inside::numbers) throw grammar();
    if (field_ == "data_offsets") {
      if (offsets_ == 2) throw fault("expected two data_offsets of " + who(), "more");
      (offsets_++ == 0 ? range_.begin : range_.end) = value;
      return true;
    }
    if (tensor_.shape.size() == 8) throw fault("expected " + who() + " to have at most 8 axes", "more");
    // At most 2^48 values: every size in bytes then fits, and no file is that large.
    constexpr std::uint64_t limit = std::uint64_t{1} << 48;
    if (value == 0 || value > limit || __builtin_mul_overflow(values_, value, &values_) || values_ > limit)
      throw fault("expected axis " + std::to_string(tensor_.shape.size()) + " of " + who() + " to be at least 1, and all axes together at most 2^48 values", std::to_string(value));
    tensor_.shape.push_back(static_cast<index_t>(value));
    return true;
  }
  bool end_array() {
    if (field_ == "data_offsets" && offsets_ != 2) throw fault("expected two data_offsets of " + who(), std::to_string(offsets_));
    inside_ = inside::tensor;
    return true;
  }
  bool null() { throw grammar(); }
  bool boolean(bool) { throw grammar(); }
  bool number_integer(std::int64_t) { throw grammar(); }
  bool number_float(double, const std::string&) { throw grammar(); }
  bool binary(nlohmann::json::binary_t&) { throw grammar(); }
  bool parse_error(std::size_t at, const std::string&, const nlohmann::json::exception& wrong) {
    const bool encoding = std::string_view(wrong.what()).find("UTF-8") != std::string_view::npos;
    throw fault("expected the header to be JSON in UTF-8", (encoding ? "invalid UTF-8 at its byte " : "a syntax error at its byte ") + std::to_string(at));
  }

 private:
  enum class inside { nowhere, tensors, tensor, remarks, numbers };
  struct range {
    std::uint64_t begin = 0, end = 0;
  };

  explicit safetensors_header(const std::string& path) : path_(path) {}

  error fault(const std::string& expected, const std::string& found) const {
    return error(shown(path_), ": ", expected, ", found ", found, ". Fix: obtain or convert the file again.");
  }
  error grammar() const { return fault("expected the header to map names to {dtype, shape, data_offsets}", "another structure" + (key_.empty() ? "" : " at " + in_quotes(key_))); }
  std::string who() const { return "tensor " + in_quotes(key_); }

  bool enter(inside where) {
    inside_ = where, ++depth_;
    if (where == inside::tensor) tensor_ = {}, range_ = {}, values_ = 1, offsets_ = 0, has_type_ = has_shape_ = has_offsets_ = false;
    return true;
  }
  void finish() {
    stored_matrix& m = tensor_.matrix;
    m.columns = tensor_.shape.size() < 2 ? 1 : tensor_.shape.back();
    m.rows = static_cast<index_t>(values_) / m.columns;
    const std::uint64_t size = values_ * block_bytes(m.kind);
    if (range_.end < range_.begin || range_.end - range_.begin != size)
      throw fault("expected " + who() + " to have " + std::to_string(size) + " bytes of data", "data_offsets " + std::to_string(range_.begin) + " to " + std::to_string(range_.end));
    tensor_.name = key_;
    tensors_.push_back(std::move(tensor_));
    ranges_.push_back(range_);
  }
  // The data of all tensors follows the header without gap or overlap, and ends with the file.
  std::vector<stored_tensor> place(std::span<const std::byte> data) {
    std::vector<std::size_t> order(tensors_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) { return ranges_[a].begin < ranges_[b].begin; });
    std::vector<stored_tensor> out;
    std::uint64_t expected = 0;
    for (const std::size_t i : order) {
      if (ranges_[i].begin != expected)
        throw fault("expected the data of tensor " + in_quotes(tensors_[i].name) + " to begin at " + std::to_string(expected) + ", where the one before it ends", std::to_string(ranges_[i].begin));
      expected = ranges_[i].end;
      if (expected > data.size())
        throw fault("expected the data of tensor " + in_quotes(tensors_[i].name) + " to end at " + std::to_string(expected), std::to_string(data.size()) + " bytes of data in the file");
      tensors_[i].matrix.bytes = data.data() + ranges_[i].begin;
      out.push_back(std::move(tensors_[i]));
    }
    if (expected != data.size()) throw fault("expected the file to end with its last tensor", std::to_string(data.size() - expected) + " bytes more");
    return out;
  }

  const std::string& path_;
  inside inside_ = inside::nowhere;
  int depth_ = 0;
  std::string key_, field_;
  stored_tensor tensor_;
  range range_;
  std::uint64_t values_ = 1;
  int offsets_ = 0;
  bool has_type_ = false, has_shape_ = false, has_offsets_ = false, has_remarks_ = false;
  std::vector<stored_tensor> tensors_;
  std::vector<range> ranges_;
};

}  // namespace tenon::detail
