#pragma once
// Whether a weights file is of the model that a spec describes, judged by what the file says of itself.

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include <tenon/model/decoder.hpp>
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
    if (theirs && std::abs(*theirs - ours) > 1e-6 * std::abs(ours))
      differences.push_back("[" + std::string(address) + "] is " + number_text(ours) + " in the spec and " + number_text(*theirs) + " in the file.");
  };
  compare("shape.width", static_cast<double>(spec::shape.width), ".embedding_length");
  compare("shape.blocks", static_cast<double>(spec::shape.blocks), ".block_count");
  compare("shape.vocabulary", static_cast<double>(spec::shape.vocabulary), ".vocab_size");
  compare("shape.epsilon", static_cast<double>(spec::shape.epsilon), ".attention.layer_norm_rms_epsilon");
  compare("attention.query_heads", static_cast<double>(spec::attention.query_heads), ".attention.head_count");
  compare("attention.kv_heads", static_cast<double>(spec::attention.kv_heads), ".attention.head_count_kv");
  compare("attention.head_dim", static_cast<double>(spec::attention.head_dim), ".attention.key_length");
  compare("gate.hidden", static_cast<double>(spec::gate.hidden), ".feed_forward_length");
  compare("position.theta", static_cast<double>(spec::position.theta), ".rope.freq_base");

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
