#pragma once
// The vocabulary of a published model's folder: tokenizer.json with what tokenizer_config.json and generation_config.json add.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <tenon/core/fault.hpp>
#include <tenon/model/weights/in_quotes.hpp>
#include <tenon/text/tokenizer_json.hpp>
#include <tenon/text/vocabulary.hpp>

namespace tenon {

namespace detail::tokenizer_folder {

// The content of a file, or nothing where there is none. 256 MiB bounds what a damaged folder can make us read.
inline std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = file.tellg();
  if (size < 0 || size > (std::streamoff{256} << 20)) throw error(in_quotes(path), " is no file of at most 256 MiB. Fix: fetch the model again.");
  std::string out(static_cast<std::size_t>(size), '\0');
  file.seekg(0);
  file.read(out.data(), size);
  if (!file) throw error(in_quotes(path), " cannot be read. Fix: its permissions, or fetch the model again.");
  return out;
}

// A JSON file that may be missing.
inline json_reader::json parsed(const std::string& path) {
  const std::string text = content(path);
  if (text.empty()) return {};
  auto out = json_reader::json::parse(text, nullptr, false);
  if (out.is_discarded()) throw error(in_quotes(path), " is not JSON. Fix: fetch the model again.");
  return out;
}

// The text of a token: a string, or an object with the string as its content.
inline std::string token_text(const json_reader::json& value) {
  return json_reader::text_of(value.is_object() ? json_reader::field(value, "content") : value);
}

}  // namespace detail::tokenizer_folder

/// Throws tenon::error where tokenizer.json is missing or a file is damaged; the other files may be missing.
inline vocabulary read_tokenizer_folder(const std::string& folder) {
  namespace part = detail::tokenizer_folder;
  namespace reader = detail::json_reader;
  const std::string text = part::content(folder + "/tokenizer.json");
  if (text.empty()) throw error(detail::in_quotes(folder), " has no tokenizer.json. Fix: fetch it with the model, beside its weights.");
  vocabulary out = read_tokenizer_json(text);
  const auto config = part::parsed(folder + "/tokenizer_config.json");
  const auto generation = part::parsed(folder + "/generation_config.json");

  const auto named = [&](const char* field) -> std::int32_t {
    const std::string wanted = part::token_text(reader::field(config, field));
    for (const auto& added : out.added)
      if (!wanted.empty() && added.text == wanted) return added.token;
    return -1;
  };
  const auto ends = [&](std::int32_t token) {
    if (token >= 0 && std::find(out.ends.begin(), out.ends.end(), token) == out.ends.end()) out.ends.push_back(token);
  };
  out.bos = named("bos_token");
  // The published Llama 3 files add bos in tokenizer.json's post_processor and do not say add_bos_token.
  const auto& add = reader::field(config, "add_bos_token");
  out.add_bos = add.is_boolean() ? add.get<bool>() : find_style(out.style).begins == pre_tokenizer_style::beginning::bos;
  ends(named("eos_token"));
  if (const auto& last = reader::field(generation, "eos_token_id"); last.is_array())
    for (const auto& token : last) ends(reader::token_of(token));
  else if (!last.is_null())
    ends(reader::token_of(last));
  add_known_ends(out);

  // A file of its own, a string, or a list of named ones of which 'default' is meant.
  out.chat_template = part::content(folder + "/chat_template.jinja");
  const auto& chat = reader::field(config, "chat_template");
  if (out.chat_template.empty()) out.chat_template = reader::text_of(chat);
  if (chat.is_array())
    for (const auto& entry : chat)
      if (out.chat_template.empty() && reader::text_of(reader::field(entry, "name")) == "default") out.chat_template = reader::text_of(reader::field(entry, "template"));
  return out;
}

}  // namespace tenon
