#pragma once
// What every reader of weights returns: tensors under GGUF's names, and the facts of the model.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/core/fault.hpp>
#include <tenon/core/memory.hpp>
#include <tenon/core/storage.hpp>
#include <tenon/core/view.hpp>
#include <tenon/model/weights/mapped_file.hpp>
#include <tenon/model/weights/metadata.hpp>

namespace tenon {

/// A tensor as it lies in a file. `matrix` has the last axis as columns and all others as rows; a tensor of one axis is a
/// vector: one column. Its bytes may begin at any address.
struct stored_tensor {
  std::string name;          ///< GGUF's, for instance "blk.0.attn_q.weight"
  stored_matrix matrix;
  std::vector<index_t> shape;  ///< slowest axis first: [rows, columns]
};

/// An open model file or folder. Everything in it was validated: every tensor lies inside its file, has whole blocks, and
/// has a name of its own. Tensors and facts are views that live as long as this object, through moves too.
class weights_file {
 public:
  /// What a reader found.
  struct parts {
    std::string path;                    ///< as given by the user; for messages
    std::string folder;                  ///< where tokenizer.json lies; empty for a GGUF file
    metadata facts;
    std::vector<stored_tensor> tensors;
    std::vector<mapped_file> files;      ///< that the tensors and facts point into
    std::vector<buffer> owned;           ///< that they point into where the file's bytes had to be converted
  };

  /// Throws tenon::error when two tensors have one name.
  explicit weights_file(parts&& found) : parts_(std::move(found)) {
    by_name_.resize(parts_.tensors.size());
    for (std::size_t i = 0; i < by_name_.size(); ++i) by_name_[i] = i;
    const auto name = [this](std::size_t i) -> std::string_view { return parts_.tensors[i].name; };
    std::sort(by_name_.begin(), by_name_.end(), [&](std::size_t a, std::size_t b) { return name(a) < name(b); });
    for (std::size_t i = 1; i < by_name_.size(); ++i)
      if (name(by_name_[i]) == name(by_name_[i - 1]))
        throw error(detail::shown(parts_.path), ": expected one tensor ", detail::in_quotes(name(by_name_[i])), ", found two. Fix: convert the model again.");
  }

  /// Opens a GGUF file; defined in gguf.hpp. A safetensors file or folder is refused with a sentence that names
  /// tenon::open_weights (open.hpp, target tenon::text), which opens both.
  static weights_file open(const std::string& path);
  static result<weights_file> try_open(const std::string& path) {
    return attempt([&] { return open(path); });
  }

  const std::string& path() const noexcept { return parts_.path; }
  const std::string& folder() const noexcept { return parts_.folder; }
  const metadata& facts() const noexcept { return parts_.facts; }
  std::span<const stored_tensor> tensors() const noexcept { return parts_.tensors; }
  /// The tensor of that name, or null.
  const stored_tensor* find(std::string_view name) const noexcept {
    const auto at = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                     [this](std::size_t i, std::string_view wanted) { return parts_.tensors[i].name < wanted; });
    return at != by_name_.end() && parts_.tensors[*at].name == name ? &parts_.tensors[*at] : nullptr;
  }
  /// Gives the memory of pages already read back to the system, after the weights were packed.
  void drop_pages() const noexcept {
    for (const mapped_file& file : parts_.files) file.drop_pages();
  }

 private:
  parts parts_;
  std::vector<std::size_t> by_name_;
};

}  // namespace tenon
