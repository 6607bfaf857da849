#pragma once
// Whether a weights file is of the model that a spec describes, judged by what the file says of itself.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <tenon/model/decoder.hpp>
#include <tenon/model/fit_rotation.hpp>
#include <tenon/model/weights/weights_file.hpp>

namespace tenon {

/// What differs between the spec of `Decoder` and the file's own facts, one sentence each, with the spec's address in brackets;
/// empty when they agree. Facts that the file does not state are not judged.
template <class Decoder>
std::vector<std::string> fit(const weights_file& file) {
  using spec = typename Decoder::spec;
  const metadata& facts = file.facts();
  const std::string family(facts.text("general.architecture").value_or(""));
  std::vector<std::string> differences;

  const auto number_text = [](double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", value);
    return std::string(text);
  };
  const auto compare = [&](const char* address, double ours, const std::string& key) {
    const auto theirs = facts.real(family + key);
    if (theirs && !(std::abs(*theirs - ours) <= 1e-6 * std::abs(ours)))  // NaN differs too
      differences.push_back("[" + std::string(address) + "] is " + number_text(ours) + " in the spec and " + number_text(*theirs) + " in the file.");
  };
  compare("shape.width", static_cast<double>(spec::shape.width), ".embedding_length");
  compare("shape.blocks", static_cast<double>(spec::shape.blocks), ".block_count");
  compare("shape.vocabulary", static_cast<double>(spec::shape.vocabulary), ".vocab_size");
  compare("shape.epsilon", static_cast<double>(spec::shape.epsilon), ".attention.layer_norm_rms_epsilon");
  compare("attention.query_heads", static_cast<double>(spec::attention.query_heads), ".attention.head_count");
  compare("attention.kv_heads", static_cast<double>(spec::attention.kv_heads), ".attention.head_count_kv");
  compare("attention.head_dim", static_cast<double>(spec::attention.head_dim), ".attention.key_length");
  compare("attention.head_dim", static_cast<double>(spec::attention.head_dim), ".attention.value_length");
  compare("position.dims", static_cast<double>(spec::position.turned(spec::attention.head_dim)), ".rope.dimension_count");
  compare("gate.hidden", static_cast<double>(spec::gate.hidden), ".feed_forward_length");
  compare("position.theta", static_cast<double>(spec::position.theta), ".rope.freq_base");

  if (const std::string rotation = detail::fit_rotation(file, spec::position, spec::attention.head_dim); !rotation.empty()) differences.push_back(rotation);

  // A window of w keeps the key w - 1 places back and not the one before it.
  if (const auto window = facts.integer(family + ".attention.sliding_window"); window && *window > 0) {
    const int width = static_cast<int>(std::min<std::int64_t>(*window, 1 << 30));
    if (spec::mask.keep(tenon::position{.query = width, .key = 0}) || !spec::mask.keep(tenon::position{.query = width, .key = 1}))
      differences.push_back("[mask] is no window of " + std::to_string(width) + " in the spec; the file has 'attention.sliding_window'.");
  }
  // Other families add factors and norms that no tensor shows.
  if (!family.empty() && family != "llama" && family != "qwen2")
    differences.push_back("the decoder computes models of the families llama and qwen2; 'general.architecture' is " + detail::in_quotes(family) + " in the file.");

  const bool separate_head = file.find("output.weight") != nullptr;
  if (file.find("token_embd.weight") != nullptr && separate_head == Decoder::tied)
    differences.push_back(separate_head ? "[shape.tied_head] is tied in the spec; the file has a head of its own, 'output.weight'."
                                        : "[shape.tied_head] is untied in the spec; the file has no 'output.weight'.");
  const bool has_bias = file.find("blk.0.attn_q.bias") != nullptr;
  if (has_bias != (spec::attention.qkv_bias == bias::learned))
    differences.push_back(has_bias ? "[attention.qkv_bias] is none in the spec; the file has 'blk.0.attn_q.bias'."
                                   : "[attention.qkv_bias] is learned in the spec; the file has no 'blk.0.attn_q.bias'.");
  return differences;
}

}  // namespace tenon
