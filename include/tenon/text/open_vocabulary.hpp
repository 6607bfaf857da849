#pragma once
// The vocabulary that belongs to a weights file, wherever it lies.

#include <tenon/model/weights/weights_file.hpp>
#include <tenon/text/gguf_vocabulary.hpp>
#include <tenon/text/tokenizer_folder.hpp>
#include <tenon/text/vocabulary.hpp>

namespace tenon {

/// In the metadata of a GGUF file, or in tokenizer.json beside safetensors. Faults as the two readers.
inline vocabulary open_vocabulary(const weights_file& file) {
  return has_vocabulary(file.facts()) || file.folder().empty() ? read_vocabulary(file.facts()) : read_tokenizer_folder(file.folder());
}

}  // namespace tenon
