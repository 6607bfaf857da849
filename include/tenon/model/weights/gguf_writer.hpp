#pragma once
// Writes GGUF version 3: for test models and for programs that convert or quantise. Layout: gguf.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/core/fault.hpp>
#include <tenon/core/memory.hpp>
#include <tenon/core/storage.hpp>
#include <tenon/model/weights/gguf_row_order.hpp>
#include <tenon/model/weights/gguf_type.hpp>
#include <tenon/model/weights/new_file.hpp>
#include <tenon/model/weights/weights_file.hpp>

namespace tenon {

namespace detail {

/// What both writers demand of a tensor, before the first byte is written: a name of its own, a shape that is its matrix's.
inline void check_writable(const std::string& path, std::span<const stored_tensor> tensors) {
  std::vector<std::string_view> names;
  for (const stored_tensor& t : tensors) {
    if (!is_name(t.name, 255)) throw error(shown(path), ": expected a tensor name of 1 to 255 bytes of printable UTF-8, found ", in_quotes(t.name), ". Fix: rename the tensor.");
    index_t values = t.shape.empty() ? 0 : 1;
    for (const index_t extent : t.shape) values = extent > 0 && values <= (index_t{1} << 48) / extent ? values * extent : 0;
    const index_t columns = t.shape.size() < 2 ? 1 : t.shape.back();
    if (values == 0 || t.matrix.columns != columns || t.matrix.rows != values / columns || columns % block_values(t.matrix.kind) != 0)
      throw error(shown(path), ": expected the shape of tensor ", in_quotes(t.name), " to be that of its matrix in whole blocks, found ", t.matrix.rows, " x ", t.matrix.columns,
                  " values. Fix: give both the same shape.");
    names.push_back(t.name);
  }
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
    throw error(shown(path), ": expected one tensor ", in_quotes(*twice), ", found two. Fix: rename one.");
}

inline std::uint64_t stored_bytes(const stored_matrix& m) { return static_cast<std::uint64_t>(m.rows) * row_bytes(m.kind, m.columns); }

}  // namespace detail

/// Writes a GGUF file of these facts and tensors; what it holds, read back, is equal row for row: the rows of q and k of
/// llama models are permuted on the way, as the format has them. Throws tenon::error and leaves nothing behind when a tensor
/// cannot be stored (F8_E4M3, I8, scales) or the file cannot be written.
inline void write_gguf(const std::string& path, const metadata& facts, std::span<const stored_tensor> tensors) {
  detail::check_writable(path, tensors);
  const detail::gguf_row_order order(facts);
  const std::size_t alignment = static_cast<std::size_t>(facts.integer("general.alignment").value_or(32));
  for (const stored_tensor& t : tensors) {
    if (!gguf_number(t.matrix.kind) || t.matrix.scales != nullptr || t.shape.size() > 4)
      throw error(detail::shown(path), ": GGUF cannot hold tensor ", detail::in_quotes(t.name), " (", name(t.matrix.kind), t.matrix.scales != nullptr ? " with scales" : "", ", ", t.shape.size(),
                  " axes). Fix: convert it to F16, BF16 or Q8_0.");
    if (order.interleaves(t.name) && !order.fits(t.matrix.rows))
      throw error(detail::shown(path), ": expected tensor ", detail::in_quotes(t.name), " to have whole heads of an even size, found ", t.matrix.rows, " rows and heads of ", order.head_dim,
                  ". Fix: set llama.attention.key_length.");
  }
  if (alignment < 8 || alignment > (1u << 20) || (alignment & (alignment - 1)) != 0)
    throw error(detail::shown(path), ": expected general.alignment to be a power of two from 8 to 1048576, found ", alignment, ". Fix: leave it out.");

  new_file file(path);
  const auto number = [&](auto value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    file.write(std::string_view(bytes, sizeof value));
  };
  const auto text = [&](std::string_view value) { number(std::uint64_t{value.size()}), file.write(value); };
  file.write("GGUF");
  number(std::uint32_t{3});
  number(std::uint64_t{tensors.size()});
  number(std::uint64_t{facts.entries().size()});
  for (const metadata::entry& e : facts.entries()) {
    text(e.key);
    number(e.type);
    if (e.type == fact_type::list) number(e.element), number(e.count);
    file.write(e.bytes);
  }
  std::uint64_t offset = 0;
  for (const stored_tensor& t : tensors) {
    text(t.name);
    number(static_cast<std::uint32_t>(t.shape.size()));
    for (auto extent = t.shape.rbegin(); extent != t.shape.rend(); ++extent) number(static_cast<std::uint64_t>(*extent));
    number(*gguf_number(t.matrix.kind));
    number(offset);
    offset = round_up(offset + detail::stored_bytes(t.matrix), alignment);
  }
  file.align(alignment);
  for (const stored_tensor& t : tensors) {
    const bool interleaves = order.interleaves(t.name);
    for (index_t r = 0; r < t.matrix.rows; ++r)
      file.write({t.matrix.row(interleaves ? detail::published_row(r, order.head_dim) : r), row_bytes(t.matrix.kind, t.matrix.columns)});
    file.align(alignment);
  }
  file.commit();
}

}  // namespace tenon
