#pragma once
// Hostile JSON as a tree: small, shallow, without duplicate keys. Needs nlohmann_json (target tenon::text).

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <tenon/core/fault.hpp>
#include <tenon/model/weights/in_quotes.hpp>

namespace tenon::detail {

/// The tree of the JSON text `bytes`, an object. Throws tenon::error, naming `path`, where it is not valid JSON in UTF-8, has
/// a key twice in one object, nests deeper than 64 or is larger than `most` bytes.
inline nlohmann::json read_json(std::span<const std::byte> bytes, const std::string& path, std::size_t most) {
  using json = nlohmann::json;
  const auto fault = [&](const std::string& expected, const std::string& found) {
    return error(shown(path), ": expected ", expected, ", found ", found, ". Fix: obtain the file again.");
  };
  if (bytes.size() > most) throw fault("at most " + std::to_string(most) + " bytes of JSON", std::to_string(bytes.size()));
  const auto* first = reinterpret_cast<const char*>(bytes.data());
  std::vector<std::set<std::string, std::less<>>> open;  // the keys of each object around the current place
  const auto check = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > 64) throw fault("JSON of at most 64 levels", "more");
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end) open.pop_back();
    if (event == json::parse_event_t::key)
      if (const auto& key = value.get_ref<const std::string&>(); !open.back().insert(key).second) throw fault("each key once", in_quotes(key) + " twice in one object");
    return true;
  };
  json tree;
  try {
    tree = json::parse(first, first + bytes.size(), check);
  } catch (const json::exception& wrong) {
    throw fault("valid JSON", std::string_view(wrong.what()).find("UTF-8") != std::string_view::npos ? "invalid UTF-8" : "a syntax error: " + in_quotes(wrong.what()));
  }
  if (!tree.is_object()) throw fault("a JSON object", std::string("a JSON ") + tree.type_name());
  return tree;
}

}  // namespace tenon::detail
