#pragma once
// config.json of a published llama or qwen2 model, as facts under the keys of GGUF. Needs nlohmann_json (target tenon::text).

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <tenon/core/fault.hpp>
#include <tenon/model/weights/in_quotes.hpp>
#include <tenon/model/weights/metadata.hpp>

namespace tenon::detail {

/// Typed access to one JSON object of `path`; null counts as absent, as in transformers.
class json_object {
 public:
  json_object(const nlohmann::json& tree, const std::string& path) : tree_(tree), path_(path) {}

  std::optional<std::int64_t> integer(const char* key) const {
    const nlohmann::json* value = find(key);
    if (value == nullptr) return {};
    return integer_of(key, *value);
  }
  std::optional<double> real(const char* key) const {
    const nlohmann::json* value = find(key);
    if (value == nullptr) return {};
    if (!value->is_number()) throw fault(key, "a number", *value);
    return value->get<double>();
  }
  std::optional<bool> flag(const char* key) const {
    const nlohmann::json* value = find(key);
    if (value == nullptr) return {};
    if (!value->is_boolean()) throw fault(key, "true or false", *value);
    return value->get<bool>();
  }
  std::optional<std::string> text(const char* key) const {
    const nlohmann::json* value = find(key);
    if (value == nullptr) return {};
    if (!value->is_string()) throw fault(key, "a text", *value);
    return value->get<std::string>();
  }
  /// A list of integers, or one integer.
  std::vector<std::int64_t> integers(const char* key) const {
    std::vector<std::int64_t> out;
    const nlohmann::json* value = find(key);
    if (value == nullptr) return out;
    if (!value->is_array()) return {integer_of(key, *value)};
    for (const nlohmann::json& one : *value) out.push_back(integer_of(key, one));
    return out;
  }
  std::optional<json_object> object(const char* key) const {
    const nlohmann::json* value = find(key);
    if (value == nullptr) return {};
    if (!value->is_object()) throw fault(key, "an object", *value);
    return json_object(*value, path_);
  }

 private:
  const nlohmann::json* find(const char* key) const {
    const auto at = tree_.find(key);
    return at == tree_.end() || at->is_null() ? nullptr : &*at;
  }
  error fault(const char* key, const char* expected, const nlohmann::json& found) const {
    std::string text = found.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    return error(shown(path_), ": expected '", key, "' to be ", expected, ", found ", in_quotes(text), ". Fix: obtain the file again.");
  }
  std::int64_t integer_of(const char* key, const nlohmann::json& value) const {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() > most)) throw fault(key, "an integer", value);
    return value.get<std::int64_t>();
  }

  const nlohmann::json& tree_;
  const std::string& path_;
};

/// The facts that `config`, the tree of the config.json at `path`, states. Where it is silent and transformers has a default,
/// that default (kv heads = query heads, head dim = width / heads, theta 10000, epsilon 1e-6). Keys beyond GGUF's own:
/// tokenizer.ggml.eos_token_ids (all of them) and, for rope scaling "llama3", rope.scaling.{low,high}_freq_factor.
inline metadata config_facts(const nlohmann::json& tree, const std::string& path) {
  const json_object config(tree, path);
  metadata facts(path);
  const auto model_type = config.text("model_type");
  if (!model_type || !is_name(*model_type, 64)) throw error(shown(path), ": expected 'model_type' to name the family of the model, found nothing. Fix: obtain the file again.");
  facts.set_text("general.architecture", *model_type);
  const std::string family = *model_type + ".";
  const auto state = [&](const char* key, std::optional<std::int64_t> value) {
    if (value) facts.set_integer(family + key, *value);
  };
  const auto width = config.integer("hidden_size"), heads = config.integer("num_attention_heads");
  auto head_dim = config.integer("head_dim");
  if (!head_dim && width && heads && *heads > 0) head_dim = *width / *heads;
  state("block_count", config.integer("num_hidden_layers"));
  state("context_length", config.integer("max_position_embeddings"));
  state("embedding_length", width);
  state("feed_forward_length", config.integer("intermediate_size"));
  state("attention.head_count", heads);
  state("attention.head_count_kv", config.integer("num_key_value_heads") ? config.integer("num_key_value_heads") : heads);
  state("attention.key_length", head_dim);
  state("attention.value_length", head_dim);
  state("rope.dimension_count", head_dim);
  state("vocab_size", config.integer("vocab_size"));
  if (config.flag("use_sliding_window").value_or(*model_type != "qwen2")) state("attention.sliding_window", config.integer("sliding_window"));
  facts.set_real(family + "attention.layer_norm_rms_epsilon", config.real("rms_norm_eps").value_or(1e-6));

  // transformers 5 has everything about rotation in `rope_parameters`; before, theta stood beside `rope_scaling`.
  const auto parameters = config.object("rope_parameters");
  const auto scaling = parameters ? parameters : config.object("rope_scaling");
  auto theta = config.real("rope_theta");
  if (parameters && parameters->real("rope_theta")) theta = parameters->real("rope_theta");
  facts.set_real(family + "rope.freq_base", theta.value_or(10000));
  if (scaling) {
    const std::string rope = family + "rope.scaling.";
    const auto type = scaling->text("rope_type") ? scaling->text("rope_type") : scaling->text("type");
    if (type && *type != "default") {
      facts.set_text(rope + "type", *type);
      if (const auto factor = scaling->real("factor")) facts.set_real(rope + "factor", *factor);
      if (const auto low = scaling->real("low_freq_factor")) facts.set_real(rope + "low_freq_factor", *low);
      if (const auto fast = scaling->real("beta_fast")) facts.set_real(rope + "yarn_beta_fast", *fast);
      if (const auto slow = scaling->real("beta_slow")) facts.set_real(rope + "yarn_beta_slow", *slow);
      if (const auto high = scaling->real("high_freq_factor")) facts.set_real(rope + "high_freq_factor", *high);
      state("rope.scaling.original_context_length", scaling->integer("original_max_position_embeddings"));
    }
  }
  if (const auto tied = config.flag("tie_word_embeddings")) facts.set_flag(family + "tie_word_embeddings", *tied);
  if (const auto begin = config.integer("bos_token_id")) facts.set_integer("tokenizer.ggml.bos_token_id", *begin);
  return facts;
}

/// Adds the end tokens that `tree`, a config.json or generation_config.json, states; the latter overrides the former.
inline void add_end_tokens(metadata& facts, const nlohmann::json& tree, const std::string& path) {
  const std::vector<std::int64_t> ends = json_object(tree, path).integers("eos_token_id");
  if (ends.empty()) return;
  facts.set_integer("tokenizer.ggml.eos_token_id", ends.front());
  facts.set_integers("tokenizer.ggml.eos_token_ids", ends);
}

}  // namespace tenon::detail
