#pragma once
// Opens models published as safetensors: one file, or a folder of one file or several shards. Needs nlohmann_json
// (target tenon::text). Names and facts are translated to GGUF's, so that nothing above knows which format it reads.

#include <algorithm>
#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include <tenon/core/fault.hpp>
#include <tenon/model/weights/attach_scales.hpp>
#include <tenon/model/weights/config_json.hpp>
#include <tenon/model/weights/json_text.hpp>
#include <tenon/model/weights/published_name.hpp>
#include <tenon/model/weights/safetensors_header.hpp>
#include <tenon/model/weights/weights_file.hpp>

namespace tenon {

namespace detail {

inline bool exists(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0;
}
inline bool is_folder(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}
inline nlohmann::json read_json_file(const std::string& path, std::size_t most) {
  const mapped_file file(path, "a JSON file");
  return read_json(file.bytes(), path, most);
}

// Shard by shard, each tensor where the index says that it is.
inline void read_shards(weights_file::parts& out, const std::string& folder, const std::string& index_path) {
  const auto fault = [&](const std::string& expected, const std::string& found) {
    return error(shown(index_path), ": expected ", expected, ", found ", found, ". Fix: obtain the model again.");
  };
  const nlohmann::json tree = read_json_file(index_path, std::size_t{64} << 20);
  const auto map = tree.find("weight_map");
  if (map == tree.end() || !map->is_object()) throw fault("'weight_map' to map tensors to files", map == tree.end() ? "none" : map->type_name());
  std::set<std::string> shards;
  for (const auto& [name, file] : map->items()) {
    if (!file.is_string()) throw fault("the file of " + in_quotes(name) + " to be a text", file.type_name());
    const auto& shard = file.get_ref<const std::string&>();
    // A path would let a model file point at any file of this machine.
    if (!is_name(shard, 255) || shard.find('/') != shard.npos || shard == "." || shard == "..") throw fault("the file of " + in_quotes(name) + " to be a plain file name", in_quotes(shard));
    shards.insert(shard);
  }
  if (shards.size() > 4096) throw fault("at most 4096 files", std::to_string(shards.size()));
  std::set<std::string> seen;
  for (const std::string& shard : shards) {
    const std::string path = folder + "/" + shard;
    mapped_file file(path, "a safetensors file");
    for (stored_tensor& t : safetensors_header::read(file.bytes(), path)) {
      const auto at = map->find(t.name);
      const std::string listed = at == map->end() ? "" : at->get<std::string>();
      if (listed != shard) throw fault("tensor " + in_quotes(t.name) + " to be listed in " + in_quotes(shard) + ", where it is", listed.empty() ? "it nowhere" : "it in " + in_quotes(listed));
      seen.insert(t.name);
      out.tensors.push_back(std::move(t));
    }
    out.files.push_back(std::move(file));
  }
  for (const auto& [name, shard] : map->items())
    if (!seen.contains(name)) throw fault("tensor " + in_quotes(name) + " in " + in_quotes(shard.get<std::string>()), "none of that name there");
}

// Gives tensors their scales and GGUF's names, and drops the copy of a tied head.
inline void translate(weights_file::parts& out, std::pair<index_t, index_t> tile) {
  attach_scales(out, tile.first, tile.second);
  for (stored_tensor& t : out.tensors) t.name = gguf_name(t.name);
  const std::string family(out.facts.text("general.architecture").value_or(""));
  const auto tied = out.facts.flag(family + ".tie_word_embeddings");
  const auto head = std::find_if(out.tensors.begin(), out.tensors.end(), [](const stored_tensor& t) { return t.name == "output.weight"; });
  if (tied == true && head != out.tensors.end()) out.tensors.erase(head);
  if (tied == false && head == out.tensors.end())
    throw error(shown(out.path), ": expected a tensor 'lm_head.weight', since config.json says that the head is not tied, found none. Fix: obtain the model again.");
}

// Facts of the config.json in `folder`, if there is one; returns the tile of its block fp8.
inline std::pair<index_t, index_t> read_config(weights_file::parts& out, const std::string& folder) {
  std::pair<index_t, index_t> tile{128, 128};
  const std::string path = folder + "/config.json", generation = folder + "/generation_config.json";
  if (!exists(path)) return tile;
  const nlohmann::json tree = read_json_file(path, std::size_t{16} << 20);
  out.facts = config_facts(tree, path);
  add_end_tokens(out.facts, tree, path);
  if (exists(generation)) add_end_tokens(out.facts, read_json_file(generation, std::size_t{16} << 20), generation);
  if (const auto quantization = json_object(tree, path).object("quantization_config")) {
    const std::vector<std::int64_t> block = quantization->integers("weight_block_size");
    const bool valid = block.size() == 2 && std::min(block[0], block[1]) > 0 && std::max(block[0], block[1]) <= (1 << 20);
    if (!block.empty() && !valid) throw error(shown(path), ": expected 'weight_block_size' to be two positive integers, found something else. Fix: obtain the file again.");
    if (valid) tile = {static_cast<index_t>(block[0]), static_cast<index_t>(block[1])};
  }
  return tile;
}

}  // namespace detail

/// The tensors in `bytes`, which hold a whole safetensors file and must outlive it; without facts. `name` stands for the path
/// in messages. Throws tenon::error where anything is not as the format says.
inline weights_file read_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  weights_file::parts found;
  found.path = name;
  found.tensors = detail::safetensors_header::read(bytes, name);
  detail::translate(found, {128, 128});
  return weights_file(std::move(found));
}

/// Opens and validates a safetensors file, or the folder of a published model: config.json with model.safetensors or with
/// model.safetensors.index.json and its shards. A file takes its facts from the config.json beside it, where there is one.
/// Throws tenon::error with the path, what was expected and what was found.
inline weights_file open_safetensors(const std::string& path) {
  weights_file::parts found;
  found.path = path;
  const bool folder = detail::is_folder(path);
  const std::size_t slash = path.rfind('/');
  found.folder = folder ? path : slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const auto tile = detail::read_config(found, found.folder);
  const std::string single = folder ? path + "/model.safetensors" : path, listing = path + "/model.safetensors.index.json";
  if (folder && !detail::exists(path + "/config.json"))
    throw error(detail::shown(path), ": expected the folder of a model with a config.json, found none. Fix: give the path of a GGUF file or of the folder of a published model.");
  if (folder && !detail::exists(single)) {
    if (!detail::exists(listing)) throw error(detail::shown(path), ": expected model.safetensors or model.safetensors.index.json, found neither. Fix: obtain the weights of the model.");
    detail::read_shards(found, path, listing);
  } else {
    mapped_file file(single, "a safetensors file");
    found.tensors = detail::safetensors_header::read(file.bytes(), single);
    found.files.push_back(std::move(file));
  }
  detail::translate(found, tile);
  return weights_file(std::move(found));
}
inline result<weights_file> try_open_safetensors(const std::string& path) {
  return attempt([&] { return open_safetensors(path); });
}

}  // namespace tenon
