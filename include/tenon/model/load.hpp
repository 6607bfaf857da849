#pragma once
// From a weights file to a model: every tensor is checked against the spec, then packed once for the machine's kernels.

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <tenon/core/memory.hpp>
#include <tenon/model/fit.hpp>
#include <tenon/model/sequence.hpp>
#include <tenon/model/weights/gguf.hpp>

namespace tenon {

/// A decoder with its weights, packed for one machine. Immutable and cheap to copy: copies share the weights, which may be
/// read by any number of sequences in any number of threads.
template <class Decoder, class Machine>
class model {
 public:
  /// What a model owns; sequences keep it alive.
  struct parts {
    Machine machine;
    weights_file file;   ///< embedding rows are read from here
    typename memory_on<Machine>::type packed;
    typename Decoder::weights weights;
  };
  explicit model(std::shared_ptr<const parts> owned) : parts_(std::move(owned)) {}

  const std::shared_ptr<const parts>& share() const { return parts_; }
  /// The facts that the file states about itself: tokenizer, chat template, trained context.
  const metadata& facts() const { return parts_->file.facts(); }
  const Machine& machine() const { return parts_->machine; }
  /// Bytes of the packed weights.
  std::size_t packed_bytes() const { return parts_->packed.size(); }

 private:
  std::shared_ptr<const parts> parts_;
};

namespace detail {

// Visits the parameters of a decoder with their full names: visit(parameter, name, sizes...).
template <class Decoder, class Visit>
void each_parameter(typename Decoder::weights& weights, Visit&& visit) {
  Decoder::facts::each_block([&]<class Block, std::size_t Run>(index_t i, index_t number) {
    const std::string prefix = "blk." + std::to_string(number) + ".";
    auto named = [&](auto& parameter, const char* name, auto... sizes) { visit(parameter, prefix + name, sizes...); };
    Block::each_parameter(std::get<Run>(weights.blocks)[static_cast<std::size_t>(i)], named);
  });
  visit(weights.final_gain, std::string("output_norm.weight"), Decoder::shape.width);
  visit(weights.head, std::string(Decoder::tied ? "token_embd.weight" : "output.weight"), Decoder::shape.vocabulary, Decoder::shape.width);
}

inline std::string shape_text(index_t rows, index_t columns) {
  return columns == 1 ? "[" + std::to_string(rows) + "]" : "[" + std::to_string(rows) + ", " + std::to_string(columns) + "]";
}

// The tensor of that name and shape, or an error that says what was expected and what was found.
inline const stored_matrix& expect_tensor(const weights_file& file, const std::string& name, index_t rows, index_t columns) {
  const stored_tensor* tensor = file.find(name);
  if (tensor == nullptr) throw error("'", shown(file.path()), "' has no tensor '", name, "', which the model expects as ", shape_text(rows, columns), ". Fix: a complete file of this model.");
  const stored_matrix& found = tensor->matrix;
  if (found.rows != rows || found.columns != columns)
    throw error("tensor '", name, "' of '", shown(file.path()), "' is ", shape_text(found.rows, found.columns), " where the model expects ", shape_text(rows, columns),
                ". Fix: the spec or the file; they are of different models.");
  return found;
}

/// Whether a machine has instructions for all products that a precision may ask for.
template <class Machine, precision_like Precision>
consteval bool multiplies_all(const Precision& precision) {
  for (const storage kind : every_storage)
    if (precision.products(kind) == compute::e4m3 && !multiplies_e4m3<Machine>) return false;
  return true;
}

}  // namespace detail

/// Loads a decoder from an open file. Throws tenon::error, naming the tensor, what was expected and what was found, when the
/// file is of another model; also for a tensor that the spec knows nothing of, because ignoring it would change the answers.
template <class Decoder, class Machine>
model<Decoder, Machine> load(weights_file file, const Machine& machine) {
  static_assert(detail::multiplies_all<Machine>(Decoder::spec::precision), "[precision] asks for products of e4m3, and the machine has no instruction. Fix: as_stored, or sm_89, sm_90a, gfx942, gfx1201.");
  using parts = typename model<Decoder, Machine>::parts;
  if (const auto differences = fit<Decoder>(file); !differences.empty())
    throw error(detail::shown(file.path()), " does not fit the spec: ", differences.front(), " Fix: the spec that belongs to this file.");

  auto owned = std::make_shared<parts>(parts{.machine = machine, .file = std::move(file), .packed = {}, .weights = {}});
  auto& [_, source, packed, weights] = *owned;
  [&]<std::size_t... Run>(std::index_sequence<Run...>) {
    (std::get<Run>(weights.blocks).resize(static_cast<std::size_t>(Decoder::facts::template run_count<Run>)), ...);
  }(std::make_index_sequence<Decoder::facts::runs>{});

  // First everything is checked and measured, then memory is taken, then everything is packed.
  static constexpr auto precision = Decoder::spec::precision;
  std::set<std::string> known{"token_embd.weight", "rope_freqs.weight"};
  std::size_t bytes = 0;
  struct measure {
    const weights_file& source;
    const Machine& machine;
    std::set<std::string>& known;
    std::size_t& bytes;
    void operator()(vector_parameter&, const std::string& name, index_t size) {
      detail::expect_tensor(source, name, size, 1);
      known.insert(name);
      bytes += round_up(static_cast<std::size_t>(size) * sizeof(float), 64);
    }
    void operator()(matrix_parameter&, const std::string& name, index_t rows, index_t depth) {
      const stored_matrix& stored = detail::expect_tensor(source, name, rows, depth);
      known.insert(name);
      bytes += round_up(tenon::packed_bytes(machine, stored.kind, precision.products(stored.kind), rows, depth), 64);
    }
  };
  detail::each_parameter<Decoder>(weights, measure{source, machine, known, bytes});
  const stored_matrix& embedding = detail::expect_tensor(source, "token_embd.weight", Decoder::shape.vocabulary, Decoder::shape.width);
  if constexpr (Decoder::tied) weights.head.how = precision.products(embedding.kind);  // as it will be packed
  const packed_matrix* const head = Decoder::tied ? &weights.head : nullptr;
  const std::size_t lookup = lookup_bytes(machine, embedding, head);
  for (const stored_tensor& tensor : source.tensors())
    if (!known.contains(tensor.name))
      throw error("'", detail::shown(source.path()), "' has a tensor '", tensor.name, "' ", detail::shape_text(tensor.matrix.rows, tensor.matrix.columns),
                  " that the model does not use. Fix: the spec that belongs to this file (a bias? an untied head?).");

  packed = allocate(machine, bytes + lookup, "the packed weights", memory_use::constants);
  struct packer {
    const weights_file& source;
    const Machine& machine;
    std::byte* at;
    void operator()(vector_parameter& to, const std::string& name, index_t size) {
      const stored_matrix& stored = source.find(name)->matrix;
      auto* floats = reinterpret_cast<float*>(at);
      for (index_t i = 0; i < size; ++i) stored.decode_row(i, floats + i);
      to.data = floats;
      at += round_up(static_cast<std::size_t>(size) * sizeof(float), 64);
    }
    void operator()(matrix_parameter& to, const std::string& name, index_t rows, index_t depth) {
      const stored_matrix& stored = source.find(name)->matrix;
      const compute how = precision.products(stored.kind);
      to = pack(machine, stored, how, at, {&source, [](const void* file) { static_cast<const weights_file*>(file)->drop_pages(); }});
      at += round_up(tenon::packed_bytes(machine, stored.kind, how, rows, depth), 64);
    }
  };
  detail::each_parameter<Decoder>(weights, packer{source, machine, packed.data()});
  weights.embedding = lookup_table(machine, embedding, head, packed.data() + bytes);
  source.drop_pages();
  return model<Decoder, Machine>(std::move(owned));
}

/// The same from a GGUF file.
template <class Decoder, class Machine>
model<Decoder, Machine> load(const std::string& path, const Machine& machine) {
  return load<Decoder>(weights_file::open(path), machine);
}

/// load that returns its error.
template <class Decoder, class Source, class Machine>
result<model<Decoder, Machine>> try_load(Source&& source, const Machine& machine) {
  return attempt([&] { return load<Decoder>(std::forward<Source>(source), machine); });
}

}  // namespace tenon
