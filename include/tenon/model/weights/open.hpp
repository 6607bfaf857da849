#pragma once
// Opens any model file that tenon reads. Needs nlohmann_json (target tenon::text); gguf.hpp alone does not.

#include <string>

#include <tenon/model/weights/gguf.hpp>
#include <tenon/model/weights/safetensors.hpp>

namespace tenon {

/// Opens a GGUF file, a safetensors file, or the folder of a published model (config.json, model.safetensors or its shards).
/// Throws tenon::error with the path, what was expected and what was found.
inline weights_file open_weights(const std::string& path) {
  return detail::is_folder(path) || path.ends_with(".safetensors") ? open_safetensors(path) : open_gguf(path);
}
inline result<weights_file> try_open_weights(const std::string& path) {
  return attempt([&] { return open_weights(path); });
}

}  // namespace tenon
