#pragma once
// The names of tensors of llama and qwen2 models: as published (Hugging Face transformers) and as in GGUF.

#include <array>
#include <string>
#include <string_view>

namespace tenon {

namespace detail {

struct name_pair {
  std::string_view published, gguf;
};
inline constexpr std::array<name_pair, 3> model_names{{
    {"model.embed_tokens.", "token_embd."},
    {"model.norm.", "output_norm."},
    {"lm_head.", "output."},
}};
inline constexpr std::array<name_pair, 11> block_names{{
    {"input_layernorm.", "attn_norm."},
    {"post_attention_layernorm.", "ffn_norm."},
    {"self_attn.q_proj.", "attn_q."},
    {"self_attn.k_proj.", "attn_k."},
    {"self_attn.v_proj.", "attn_v."},
    {"self_attn.o_proj.", "attn_output."},
    {"self_attn.q_norm.", "attn_q_norm."},
    {"self_attn.k_norm.", "attn_k_norm."},
    {"mlp.gate_proj.", "ffn_gate."},
    {"mlp.up_proj.", "ffn_up."},
    {"mlp.down_proj.", "ffn_down."},
}};

// Translates a name by the pairs, from one member to the other.
inline std::string translated(std::string_view name, std::string_view name_pair::*from, std::string_view name_pair::*to, std::string_view block_from, std::string_view block_to) {
  const auto swap = [&](const auto& pairs, std::string_view rest, const std::string& prefix) {
    for (const name_pair& pair : pairs)
      if (rest.starts_with(pair.*from)) return prefix + std::string(pair.*to) + std::string(rest.substr((pair.*from).size()));
    return std::string();
  };
  std::string found;
  if (name.starts_with(block_from)) {
    const std::string_view rest = name.substr(block_from.size());
    const std::size_t dot = rest.find('.');
    if (dot != 0 && dot != rest.npos && rest.find_first_not_of("0123456789") == dot)
      found = swap(block_names, rest.substr(dot + 1), std::string(block_to) + std::string(rest.substr(0, dot + 1)));
  } else {
    found = swap(model_names, name, "");
  }
  return found.empty() ? std::string(name) : found;
}

}  // namespace detail

/// "model.layers.3.self_attn.q_proj.weight" to "blk.3.attn_q.weight". A name that is not one of theirs stays as it is.
inline std::string gguf_name(std::string_view published) {
  return detail::translated(published, &detail::name_pair::published, &detail::name_pair::gguf, "model.layers.", "blk.");
}
/// "blk.3.attn_q.weight" to "model.layers.3.self_attn.q_proj.weight". A name that is not one of theirs stays as it is.
inline std::string published_name(std::string_view gguf) {
  return detail::translated(gguf, &detail::name_pair::gguf, &detail::name_pair::published, "blk.", "model.layers.");
}

}  // namespace tenon
