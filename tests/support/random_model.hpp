#pragma once
// Small models with random weights and a byte-level vocabulary, made by tenon's own writers: a GGUF file, or the folder of a
// published model. The same seed gives the same bits everywhere; both formats hold the same model.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include <sys/stat.h>

#include <tenon/model/weights/gguf_writer.hpp>
#include <tenon/model/weights/new_file.hpp>
#include <tenon/model/weights/quantize.hpp>
#include <tenon/model/weights/safetensors_writer.hpp>

namespace tenon_test {

struct random_model_shape {
  std::string architecture = "llama";  ///< "llama" (tied head, no bias) or "qwen2" (a head of its own, biases on q, k, v)
  tenon::storage kind = tenon::storage::f32;  ///< of the matrices; vectors are F32
  tenon::index_t width = 64, blocks = 2, query_heads = 4, kv_heads = 2, head_dim = 16, hidden = 128;
  double theta = 10000, epsilon = 1e-5;
  float sharpness = 1.5f;  ///< spread of queries and keys; 1 is how models begin their training
  std::uint64_t seed = 1;
};

class random_model {
 public:
  explicit random_model(const random_model_shape& shape = {}) : shape_(shape), state_(shape.seed) {
    make_vocabulary();
    make_facts();
    make_tensors();
  }

  const tenon::metadata& facts() const { return facts_; }
  /// Under GGUF's names, rows as published.
  const std::vector<tenon::stored_tensor>& tensors() const { return tensors_; }
  const std::vector<std::string>& tokens() const { return tokens_; }

  void write_gguf(const std::string& path) const { tenon::write_gguf(path, facts_, tensors_); }
  /// config.json, tokenizer.json and model.safetensors, or two shards and their index. Not for GGUF's blocks.
  void write_folder(const std::string& folder, int shards = 1) const {
    ::mkdir(folder.c_str(), 0777);
    write_text(folder + "/config.json", config());
    write_text(folder + "/tokenizer.json", tokenizer());
    if (shards == 1) {
      tenon::write_safetensors(folder + "/model.safetensors", tensors_);
      return;
    }
    const std::span<const tenon::stored_tensor> all = tensors_;
    const std::size_t half = all.size() / 2;
    std::string listing_text = R"({"metadata": {}, "weight_map": {)";
    for (std::size_t i = 0; i < all.size(); ++i) listing_text += (i == 0 ? "" : ", ") + json(tenon::published_name(all[i].name)) + ": \"model-0000" + (i < half ? "1" : "2") + "-of-00002.safetensors\"";
    tenon::write_safetensors(folder + "/model-00001-of-00002.safetensors", all.first(half));
    tenon::write_safetensors(folder + "/model-00002-of-00002.safetensors", all.subspan(half));
    write_text(folder + "/model.safetensors.index.json", listing_text + "}}\n");
  }

  static void write_text(const std::string& path, const std::string& text) {
    tenon::new_file file(path);
    file.write(text);
    file.commit();
  }

 private:
  // The byte-level alphabet of GPT-2: printable bytes stand for themselves, the others for U+0100 and up.
  void make_vocabulary() {
    tokens_ = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
    unsigned next = 256;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 33 && byte < 127) || (byte >= 161 && byte < 173) || byte >= 174;
      const unsigned code = printable ? byte : next++;
      tokens_.push_back(code < 128 ? std::string(1, static_cast<char>(code)) : std::string{static_cast<char>(0xc0 | (code >> 6)), static_cast<char>(0x80 | (code & 63))});
    }
    merges_ = {"t h", "i n", "th e", "a n", "e r", "o n", "r e", "Ġ the", "Ġ a", "in g", "o u", "e n", "an d", "Ġ and", "s t", "o r", "i s", "i t", "e s", "a t", "Ġ is",
               "l l", "a l", "a r", "Ġ o", "Ġo f", "Ġ w", "Ġ s", "Ġ c"};
    for (const std::string& merge : merges_) tokens_.push_back(std::string(merge).erase(merge.find(' '), 1));
  }
  void make_facts() {
    const std::string family = shape_.architecture + ".";
    facts_.set_text("general.architecture", shape_.architecture);
    facts_.set_text("general.name", "random " + shape_.architecture);
    facts_.set_integer(family + "block_count", shape_.blocks);
    facts_.set_integer(family + "context_length", 512);
    facts_.set_integer(family + "embedding_length", shape_.width);
    facts_.set_integer(family + "feed_forward_length", shape_.hidden);
    facts_.set_integer(family + "attention.head_count", shape_.query_heads);
    facts_.set_integer(family + "attention.head_count_kv", shape_.kv_heads);
    facts_.set_integer(family + "attention.key_length", shape_.head_dim);
    facts_.set_integer(family + "attention.value_length", shape_.head_dim);
    facts_.set_real(family + "attention.layer_norm_rms_epsilon", shape_.epsilon);
    facts_.set_integer(family + "rope.dimension_count", shape_.head_dim);
    facts_.set_real(family + "rope.freq_base", shape_.theta);
    facts_.set_integer(family + "vocab_size", static_cast<std::int64_t>(tokens_.size()));
    facts_.set_text("tokenizer.ggml.model", "gpt2");
    facts_.set_text("tokenizer.ggml.pre", shape_.architecture == "qwen2" ? "qwen2" : "smollm");
    facts_.set_texts("tokenizer.ggml.tokens", tokens_);
    std::vector<std::int64_t> types(tokens_.size(), 1);
    types[0] = types[1] = types[2] = 3;  // control
    facts_.set_integers("tokenizer.ggml.token_type", types);
    facts_.set_texts("tokenizer.ggml.merges", merges_);
    facts_.set_integer("tokenizer.ggml.bos_token_id", 1);
    facts_.set_integer("tokenizer.ggml.eos_token_id", 2);
    facts_.set_flag("tokenizer.ggml.add_bos_token", false);
  }
  void make_tensors() {
    const bool qwen2 = shape_.architecture == "qwen2";
    const auto vocabulary = static_cast<tenon::index_t>(tokens_.size());
    const tenon::index_t q = shape_.query_heads * shape_.head_dim, kv = shape_.kv_heads * shape_.head_dim, width = shape_.width;
    // A tied head must not simply repeat the last token: its embedding is small against what the blocks add.
    matrix("token_embd.weight", vocabulary, width, qwen2 ? 1.f : 0.2f);
    for (tenon::index_t i = 0; i < shape_.blocks; ++i) {
      const std::string block = "blk." + std::to_string(i) + ".";
      vector(block + "attn_norm.weight", width, 1, 0.2f);
      matrix(block + "attn_q.weight", q, width, shape_.sharpness / root(width)), matrix(block + "attn_k.weight", kv, width, shape_.sharpness / root(width)), matrix(block + "attn_v.weight", kv, width, 1 / root(width));
      if (qwen2) vector(block + "attn_q.bias", q, 0, 1), vector(block + "attn_k.bias", kv, 0, 1), vector(block + "attn_v.bias", kv, 0, 1);
      matrix(block + "attn_output.weight", width, q, 1 / root(q));
      vector(block + "ffn_norm.weight", width, 1, 0.2f);
      matrix(block + "ffn_gate.weight", shape_.hidden, width, 1 / root(width)), matrix(block + "ffn_up.weight", shape_.hidden, width, 1 / root(width));
      matrix(block + "ffn_down.weight", width, shape_.hidden, 1.5f / root(shape_.hidden));
    }
    vector("output_norm.weight", width, 1, 0.2f);
    if (qwen2) matrix("output.weight", vocabulary, width, 0.25f);
  }

  static float root(tenon::index_t count) { return std::sqrt(static_cast<float>(count)); }
  // splitmix64; a sum of four uniform values has nearly the shape of a normal one.
  float normal() {
    int sum = 0;
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t bits = state_;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    bits ^= bits >> 31;
    for (int i = 0; i < 4; ++i) sum += static_cast<int>((bits >> (16 * i)) & 0xffff);
    return static_cast<float>(sum - 2 * 0xffff) * (1.7320508f / 65536);
  }
  void vector(const std::string& name, tenon::index_t size, float mean, float spread) { keep(name, tenon::storage::f32, {size}, values(size, mean, spread)); }
  void matrix(const std::string& name, tenon::index_t rows, tenon::index_t columns, float spread) { keep(name, shape_.kind, {rows, columns}, values(rows * columns, 0, spread)); }
  std::vector<float> values(tenon::index_t count, float mean, float spread) {
    std::vector<float> out;
    // In double, so that it makes no difference whether the compiler fuses product and sum.
    for (tenon::index_t i = 0; i < count; ++i) out.push_back(static_cast<float>(static_cast<double>(mean) + static_cast<double>(spread) * static_cast<double>(normal())));
    return out;
  }
  void keep(const std::string& name, tenon::storage kind, std::vector<tenon::index_t> shape, const std::vector<float>& values) {
    const tenon::index_t columns = shape.size() == 1 ? 1 : shape.back(), rows = static_cast<tenon::index_t>(values.size()) / columns;
    bytes_.push_back(tenon::quantize(kind, {values.data(), rows, columns}));
    tensors_.push_back({.name = name, .matrix = {.kind = kind, .rows = rows, .columns = columns, .bytes = bytes_.back().data()}, .shape = std::move(shape)});
  }

  static std::string json(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) (c == '"' || c == '\\') ? (out += '\\') += c : out += c;
    return out + "\"";
  }
  std::string config() const {
    const auto number = [](auto value) { return std::to_string(value); };
    const bool qwen2 = shape_.architecture == "qwen2";
    return R"({"architectures": [")" + std::string(qwen2 ? "Qwen2ForCausalLM" : "LlamaForCausalLM") + R"("], "model_type": ")" + shape_.architecture + R"(", "hidden_size": )" + number(shape_.width) +
           R"(, "num_hidden_layers": )" + number(shape_.blocks) + R"(, "num_attention_heads": )" + number(shape_.query_heads) + R"(, "num_key_value_heads": )" + number(shape_.kv_heads) +
           R"(, "head_dim": )" + number(shape_.head_dim) + R"(, "intermediate_size": )" + number(shape_.hidden) + R"(, "vocab_size": )" + number(tokens_.size()) +
           R"(, "max_position_embeddings": 512, "rms_norm_eps": )" + number(shape_.epsilon) + R"(, "rope_theta": )" + number(shape_.theta) + R"(, "tie_word_embeddings": )" + (qwen2 ? "false" : "true") +
           R"(, "hidden_act": "silu", "use_sliding_window": false, "bos_token_id": 1, "eos_token_id": 2})" + "\n";
  }
  std::string tokenizer() const {
    std::string out = R"({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [)";
    for (std::size_t i = 0; i < 3; ++i)
      out += (i == 0 ? "" : ", ") + std::string(R"({"id": )") + std::to_string(i) + R"(, "content": )" + json(tokens_[i]) +
             R"(, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true})";
    const std::string bytes = R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": )";
    const std::string words = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)";
    if (shape_.architecture == "qwen2")
      out += R"(], "normalizer": {"type": "NFC"}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": ")" + words +
             R"("}, "behavior": "Isolated", "invert": false}, )" + bytes + "false}]}";
    else
      out += R"(], "normalizer": null, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, )" + bytes + "true}]}";
    out += R"(, "post_processor": null, "decoder": )" + bytes + R"(true}, "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, )" +
           R"("end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": {)";
    for (std::size_t i = 0; i < tokens_.size(); ++i) out += (i == 0 ? "" : ", ") + json(tokens_[i]) + ": " + std::to_string(i);
    out += R"(}, "merges": [)";
    for (std::size_t i = 0; i < merges_.size(); ++i) out += (i == 0 ? "" : ", ") + json(merges_[i]);
    return out + "]}}\n";
  }

  random_model_shape shape_;
  std::uint64_t state_;
  std::vector<std::string> tokens_, merges_;
  tenon::metadata facts_{"a random model"};
  std::deque<std::vector<std::byte>> bytes_;
  std::vector<tenon::stored_tensor> tensors_;
};

}  // namespace tenon_test
