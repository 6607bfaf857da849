#pragma once
// Reads GGUF, version 2 and 3, little-endian. Format: github.com/ggml-org/ggml, docs/gguf.md.
//   "GGUF"  u32 version  u64 tensors  u64 facts
//   fact:   text key  u32 type  value           (text: u64 length, bytes; list: u32 type, u64 count, values)
//   tensor: text name  u32 rank  u64 extent[rank], fastest axis first  u32 type  u64 offset
//   then, aligned to general.alignment, the data that the offsets count from.
// The file is hostile: every count is checked against the bytes left before anything is allocated or read.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/core/fault.hpp>
#include <tenon/core/storage.hpp>
#include <tenon/model/weights/gguf_row_order.hpp>
#include <tenon/model/weights/gguf_type.hpp>
#include <tenon/model/weights/weights_file.hpp>

namespace tenon {

static_assert(std::endian::native == std::endian::little, "model files are little-endian, and so are all machines tenon knows");

namespace detail {

class gguf_reader {
 public:
  gguf_reader(std::span<const std::byte> bytes, const std::string& path) : bytes_(bytes), path_(path), facts_(path) {}

  void read(weights_file::parts& out) {
    const std::string_view magic = take(4, "the magic");
    if (magic != "GGUF") throw fault("expected a GGUF file, which begins with 'GGUF'", in_quotes(magic));
    const auto version = take_number<std::uint32_t>("the version");
    if ((version & 0xffff) == 0 && version != 0) throw fault("expected a little-endian file", "a big-endian one");
    if (version != 2 && version != 3) throw fault("expected GGUF version 2 or 3", "version " + std::to_string(version));
    // The smallest tensor entry takes 33 bytes, the smallest fact 14.
    const std::uint64_t tensors = take_count("the number of tensors", 33), facts = take_count("the number of facts", 14);
    for (std::uint64_t i = 0; i < facts; ++i) read_fact();
    check_keys();
    if (const std::int64_t count = facts_.integer("split.count").value_or(1); count > 1)
      throw error(shown(path_), ": expected a whole model, found part ", facts_.integer("split.no").value_or(0) + 1, " of ", count, ". Fix: join the parts with llama-gguf-split --merge.");
    const std::size_t alignment = read_alignment();
    for (std::uint64_t i = 0; i < tensors; ++i) read_tensor(out.tensors, alignment);
    place(out.tensors, alignment);
    out.path = path_;
    out.facts = std::move(facts_);
    mark_row_order(out);
  }

 private:
  error fault(const std::string& expected, const std::string& found) const {
    return error(shown(path_), ": ", expected, ", found ", found, ". Fix: obtain or convert the file again.");
  }

  std::string_view take(std::uint64_t count, const char* what) {
    const std::uint64_t left = bytes_.size() - at_;
    if (count > left)
      throw fault("expected " + std::to_string(count) + " bytes of " + what + " at byte " + std::to_string(at_), std::to_string(left) + " before the end of the file");
    const auto* first = reinterpret_cast<const char*>(bytes_.data() + at_);
    at_ += static_cast<std::size_t>(count);
    return {first, static_cast<std::size_t>(count)};
  }
  template <class T>
  T take_number(const char* what) {
    T value;
    std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
    return value;
  }
  std::string_view take_text(const char* what) { return take(take_number<std::uint64_t>(what), what); }
  // A number of things of at least `smallest` bytes each.
  std::uint64_t take_count(const char* what, std::size_t smallest) {
    const auto count = take_number<std::uint64_t>(what);
    const std::uint64_t most = (bytes_.size() - at_) / smallest;
    if (count > most) throw fault(std::string("expected ") + what + " to be at most " + std::to_string(most) + ", which is what the file has room for", std::to_string(count));
    return count;
  }
  std::string_view take_name(const char* what, std::size_t most) {
    const std::string_view name = take_text(what);
    if (!is_name(name, most)) throw fault(std::string("expected ") + what + " of 1 to " + std::to_string(most) + " bytes of printable UTF-8", std::to_string(name.size()) + " bytes " + in_quotes(name));
    return name;
  }

  fact_type take_type(std::string_view key) {
    const auto number = take_number<std::uint32_t>("a metadata type");
    if (number > static_cast<std::uint32_t>(fact_type::f64)) throw fault("expected metadata " + in_quotes(key) + " to have a type from 0 to 12", std::to_string(number));
    return static_cast<fact_type>(number);
  }
  void read_fact() {
    const std::string_view key = take_name("a metadata key", 65535);
    metadata::entry e{key, take_type(key), {}, 1, {}};
    e.element = e.type;
    if (e.type == fact_type::list) {
      e.element = take_type(key);
      if (e.element == fact_type::list) throw fault("expected metadata " + in_quotes(key) + " to be a flat list", "a list of lists");
      e.count = take_count("the length of a metadata list", e.element == fact_type::text ? 8 : fact_bytes(e.element));
    }
    const std::size_t first = at_;
    if (e.element == fact_type::text)
      for (std::uint64_t i = 0; i < e.count; ++i) take_text("a metadata text");
    else
      take(e.count * fact_bytes(e.element), "a metadata value");  // no overflow: the count fits in the file
    e.bytes = bytes_.subspan(first, at_ - first);
    if (e.element == fact_type::flag)
      for (const std::byte value : e.bytes)
        if (value > std::byte{1}) throw fault("expected metadata " + in_quotes(key) + " to be 0 or 1", std::to_string(static_cast<int>(value)));
    facts_.append(e);
  }
  void check_keys() const {
    std::vector<std::string_view> keys = facts_.keys();
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) throw fault("expected one metadata key " + in_quotes(*twice), "two");
  }
  std::size_t read_alignment() const {
    const std::int64_t alignment = facts_.integer("general.alignment").value_or(32);
    if (alignment < 8 || alignment > (1 << 20) || !std::has_single_bit(static_cast<std::uint64_t>(alignment)))
      throw fault("expected general.alignment to be a power of two from 8 to 1048576", std::to_string(alignment));
    return static_cast<std::size_t>(alignment);
  }

  void read_tensor(std::vector<stored_tensor>& tensors, std::size_t alignment) {
    stored_tensor t;
    t.name = take_name("a tensor name", 255);
    const std::string who = "tensor " + in_quotes(t.name);
    const auto rank = take_number<std::uint32_t>("the rank of a tensor");
    if (rank < 1 || rank > 4) throw fault("expected " + who + " to have 1 to 4 axes", std::to_string(rank));
    std::uint64_t values = 1;
    for (std::uint32_t axis = 0; axis < rank; ++axis) {
      const auto extent = take_number<std::uint64_t>("the shape of a tensor");
      // At most 2^48 values: every size in bytes then fits, and no file is that large.
      if (extent == 0 || extent > (std::uint64_t{1} << 48) || __builtin_mul_overflow(values, extent, &values) || values > (std::uint64_t{1} << 48))
        throw fault("expected axis " + std::to_string(axis) + " of " + who + " to be at least 1, and all axes together at most 2^48 values", std::to_string(extent));
      t.shape.insert(t.shape.begin(), static_cast<index_t>(extent));
    }
    const auto type = take_number<std::uint32_t>("the type of a tensor");
    const auto kind = gguf_storage(type);
    if (!kind)
      throw error(shown(path_), ": ", who, ": expected type F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K or Q6_K, found ", gguf_type_name(type), " (type ", type,
                  "). Fix: use a file of one of these types.");
    t.matrix.kind = *kind;
    t.matrix.columns = rank == 1 ? 1 : t.shape.back();
    t.matrix.rows = static_cast<index_t>(values) / t.matrix.columns;
    if (t.matrix.columns % block_values(*kind) != 0)
      throw fault("expected rows of " + who + " to be whole blocks of " + std::to_string(block_values(*kind)) + " values (" + name(*kind) + ")", std::to_string(t.matrix.columns) + " values a row");
    const auto offset = take_number<std::uint64_t>("the offset of a tensor");
    if (offset % alignment != 0) throw fault("expected the offset of " + who + " to be a multiple of " + std::to_string(alignment), std::to_string(offset));
    offsets_.push_back(offset);
    tensors.push_back(std::move(t));
  }

  // Turns offsets into addresses, once the beginning of the data is known.
  void place(std::vector<stored_tensor>& tensors, std::size_t alignment) {
    const std::size_t begin = round_up(at_, alignment);
    const std::uint64_t room = begin <= bytes_.size() ? bytes_.size() - begin : 0;
    std::vector<std::size_t> order(tensors.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) { return offsets_[a] < offsets_[b]; });
    std::uint64_t free_from = 0;
    for (std::size_t k = 0; k < order.size(); ++k) {
      stored_tensor& t = tensors[order[k]];
      const std::uint64_t offset = offsets_[order[k]], size = static_cast<std::uint64_t>(t.matrix.rows) * row_bytes(t.matrix.kind, t.matrix.columns);
      if (offset > room || size > room - offset)
        throw fault("expected tensor " + in_quotes(t.name) + " to have " + std::to_string(size) + " bytes at offset " + std::to_string(offset), std::to_string(room) + " bytes of data in the file");
      if (offset < free_from)
        throw fault("expected tensor " + in_quotes(t.name) + " to begin at offset " + std::to_string(free_from) + " or later", "it overlaps tensor " + in_quotes(tensors[order[k - 1]].name));
      t.matrix.bytes = bytes_.data() + begin + offset;
      free_from = offset + size;
    }
  }

  // Converters permute the rows of q and k of llama models for kernels that rotate neighbouring pairs.
  void mark_row_order(weights_file::parts& out) const {
    const gguf_row_order order(out.facts);
    for (stored_tensor& t : out.tensors) {
      if (!order.interleaves(t.name)) continue;
      if (!order.fits(t.matrix.rows))
        throw error(shown(path_), ": expected tensor ", in_quotes(t.name), " to have whole heads of an even size, found ", t.matrix.rows, " rows and heads of ", order.head_dim,
                    " (from the metadata). Fix: obtain or convert the file again.");
      t.matrix.order = row_order::interleaved;
      t.matrix.head_dim = order.head_dim;
    }
  }

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  const std::string& path_;
  metadata facts_;
  std::vector<std::uint64_t> offsets_;
};

}  // namespace detail

/// The model in `bytes`, which hold a whole GGUF file and must outlive it. `name` stands for the path in messages.
/// Throws tenon::error where anything is not as the format says.
inline weights_file read_gguf(std::span<const std::byte> bytes, const std::string& name) {
  weights_file::parts found;
  detail::gguf_reader(bytes, name).read(found);
  return weights_file(std::move(found));
}

/// Opens and validates a GGUF file; takes milliseconds, since tensors and vocabulary stay in the mapped file.
/// Throws tenon::error with the path, what was expected and what was found.
inline weights_file open_gguf(const std::string& path) {
  mapped_file file(path, "a GGUF file");
  weights_file::parts found;
  detail::gguf_reader(file.bytes(), path).read(found);
  found.files.push_back(std::move(file));
  return weights_file(std::move(found));
}
inline result<weights_file> try_open_gguf(const std::string& path) {
  return attempt([&] { return open_gguf(path); });
}

inline weights_file weights_file::open(const std::string& path) {
  struct stat facts {};
  const bool folder = ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
  if (folder || path.ends_with(".safetensors"))
    throw error(detail::shown(path), ": expected a GGUF file, found ", folder ? "a folder" : "a safetensors file",
                ". Fix: open it with tenon::open_weights of <tenon/model/weights/open.hpp> (target tenon::text).");
  return open_gguf(path);
}

}  // namespace tenon
