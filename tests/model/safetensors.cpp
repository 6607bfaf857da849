// Published models: names, facts, shards and scales arrive as if they had come from a GGUF file.

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <tenon/model/weights/open.hpp>

#include "../support/random_model.hpp"
#include "../support/safetensors_bytes.hpp"
#include "../support/temporary_folder.hpp"

namespace {

using tenon_test::random_model;
using tenon_test::safetensors_bytes;
using tenon_test::temporary_folder;

void check_same_tensors(const tenon::weights_file& a, const tenon::weights_file& b) {
  REQUIRE(a.tensors().size() == b.tensors().size());
  for (const auto& t : a.tensors()) {
    CAPTURE(t.name);
    const tenon::stored_tensor* other = b.find(t.name);
    REQUIRE(other != nullptr);
    CHECK(t.shape == other->shape);
    std::vector<float> x(static_cast<std::size_t>(t.matrix.columns)), y = x;
    for (tenon::index_t r = 0; r < t.matrix.rows; ++r) {
      t.matrix.decode_row(r, x.data()), other->matrix.decode_row(r, y.data());
      REQUIRE(x == y);
    }
  }
}

// The complaint about this path, which begins with the path of the file that is wrong.
void refused(const std::string& path, const std::string& file, const char* sentence) {
  const auto opened = tenon::try_open_weights(path);
  REQUIRE_FALSE(opened);
  const std::string said = opened.fault().what();
  CAPTURE(said);
  CHECK(said.starts_with(file + ": "));
  CHECK(said.find(sentence) != std::string::npos);
  CHECK(said.find(" Fix: ") != std::string::npos);
}

TEST_CASE("names there and back") {
  for (const auto& [published, gguf] : std::vector<std::pair<std::string, std::string>>{
           {"model.embed_tokens.weight", "token_embd.weight"}, {"lm_head.weight", "output.weight"}, {"model.norm.weight", "output_norm.weight"},
           {"model.layers.0.input_layernorm.weight", "blk.0.attn_norm.weight"}, {"model.layers.12.post_attention_layernorm.weight", "blk.12.ffn_norm.weight"},
           {"model.layers.3.self_attn.q_proj.bias", "blk.3.attn_q.bias"}, {"model.layers.3.self_attn.o_proj.weight", "blk.3.attn_output.weight"},
           {"model.layers.127.mlp.down_proj.weight", "blk.127.ffn_down.weight"}, {"model.layers.0.self_attn.q_norm.weight", "blk.0.attn_q_norm.weight"}}) {
    CHECK(tenon::gguf_name(published) == gguf);
    CHECK(tenon::published_name(gguf) == published);
  }
  for (const char* name : {"", "model.layers.", "model.layers.x.mlp.up_proj.weight", "model.layers..mlp.up_proj.weight", "model.layers.1.unknown.weight", "model.layers.1", "rope_freqs.weight", "lm_head"}) {
    CHECK(tenon::gguf_name(name) == name);
  }
}

TEST_CASE("a folder that transformers wrote has the tensors and facts of the GGUF file of the same model") {
  const std::string folder = TENON_TEST_DATA "/model/tiny/llama";
  const auto published = tenon::open_weights(folder), gguf = tenon::open_weights(folder + ".gguf");
  check_same_tensors(published, gguf);
  CHECK(published.folder() == folder);
  CHECK(gguf.folder().empty());
  for (const char* key : {"llama.block_count", "llama.context_length", "llama.embedding_length", "llama.feed_forward_length", "llama.attention.head_count", "llama.attention.head_count_kv",
                          "llama.attention.key_length", "llama.rope.dimension_count", "llama.vocab_size", "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id"}) {
    CAPTURE(key);
    REQUIRE(gguf.facts().integer(key).has_value());
    CHECK(published.facts().integer(key) == gguf.facts().integer(key));
  }
  CHECK(published.facts().text("general.architecture") == "llama");
  CHECK(published.facts().real("llama.rope.freq_base") == gguf.facts().real("llama.rope.freq_base"));
  CHECK(published.facts().real("llama.attention.layer_norm_rms_epsilon") == gguf.facts().real("llama.attention.layer_norm_rms_epsilon"));
  CHECK(published.find("blk.0.attn_q.weight")->matrix.order == tenon::row_order::published);
}

TEST_CASE("what the writers write in either format is one model") {
  for (const char* architecture : {"llama", "qwen2"}) {
    const temporary_folder folder;
    const random_model model({.architecture = architecture, .kind = tenon::storage::bf16});
    model.write_gguf(folder / "model.gguf");
    model.write_folder(folder / "single");
    model.write_folder(folder / "sharded", 2);
    const auto gguf = tenon::open_weights(folder / "model.gguf"), single = tenon::open_weights(folder / "single");
    check_same_tensors(gguf, single);
    check_same_tensors(gguf, tenon::open_weights(folder / "sharded"));
    const auto file = tenon::open_weights(folder / "single/model.safetensors");
    check_same_tensors(gguf, file);
    CHECK(file.folder() == folder / "single");
    CHECK(file.facts().integer(std::string(architecture) + ".block_count") == 2);
    CHECK((single.find("output.weight") != nullptr) == (architecture == std::string("qwen2")));
  }
}

TEST_CASE("narrow weights get their scales") {
  const temporary_folder folder;
  // Block fp8: 130 x 200 values in tiles of 128 x 128 are 2 x 2 factors.
  std::vector<std::byte> bytes;
  for (int i = 0; i < 130 * 200; ++i) bytes.push_back(static_cast<std::byte>(i % 120));
  const float tiles[] = {1, 2, 4, 8}, rows[] = {0.5f, -3};
  const std::int8_t quanta[] = {1, 2, 3, -4, 5, -128};
  const std::vector<tenon::stored_tensor> tensors{
      {.name = "blk.0.ffn_up.weight",
       .matrix = {.kind = tenon::storage::e4m3, .rows = 130, .columns = 200, .bytes = bytes.data(), .scales = tiles, .scale_rows = 128, .scale_columns = 128},
       .shape = {130, 200}},
      {.name = "blk.0.ffn_down.weight",
       .matrix = {.kind = tenon::storage::i8, .rows = 2, .columns = 3, .bytes = reinterpret_cast<const std::byte*>(quanta), .scales = rows, .scale_rows = 1, .scale_columns = 3},
       .shape = {2, 3}}};
  tenon::write_safetensors(folder / "scaled.safetensors", tensors);
  const auto file = tenon::open_weights(folder / "scaled.safetensors");
  REQUIRE(file.tensors().size() == 2);
  const tenon::stored_matrix &up = file.find("blk.0.ffn_up.weight")->matrix, &down = file.find("blk.0.ffn_down.weight")->matrix;
  std::vector<float> row(200);
  for (const tenon::index_t r : {0, 127, 128, 129}) {
    up.decode_row(r, row.data());
    for (const tenon::index_t c : {0, 127, 128, 199}) {
      const float value = static_cast<float>(tenon::e4m3::from_bits(static_cast<std::uint8_t>((r * 200 + c) % 120)));
      CHECK(row[static_cast<std::size_t>(c)] == value * tiles[(r / 128) * 2 + c / 128]);
    }
  }
  down.decode_row(0, row.data());
  CHECK(std::vector<float>(row.begin(), row.begin() + 3) == std::vector<float>{0.5f, 1, 1.5f});
  down.decode_row(1, row.data());
  CHECK(std::vector<float>(row.begin(), row.begin() + 3) == std::vector<float>{12, -15, 384});
}

TEST_CASE("scales may be one per tensor, and of 16 bits") {
  std::string bytes = safetensors_bytes(
      R"({"w.weight": {"dtype": "I8", "shape": [2, 2], "data_offsets": [0, 4]}, "w.weight_scale": {"dtype": "BF16", "shape": [], "data_offsets": [4, 6]}})", 4);
  bytes += std::string_view("\x00\x40", 2);  // bfloat16 2
  const auto file = tenon::read_safetensors(std::as_bytes(std::span(bytes)), "scaled");
  REQUIRE(file.tensors().size() == 1);
  float row[32];
  file.find("w.weight")->matrix.decode_row(1, row);
  CHECK(row[0] == 4);
  CHECK(row[1] == 6);
}

TEST_CASE("the block of block fp8 comes from config.json") {
  const temporary_folder folder;
  random_model::write_text(folder / "config.json", R"({"model_type": "llama", "quantization_config": {"quant_method": "fp8", "weight_block_size": [1, 2]}})");
  std::string bytes = safetensors_bytes(
      R"({"w.weight": {"dtype": "F8_E4M3", "shape": [2, 4], "data_offsets": [0, 8]}, "w.weight_scale_inv": {"dtype": "F32", "shape": [2, 2], "data_offsets": [8, 24]}})", 24);
  random_model::write_text(folder / "model.safetensors", bytes);
  const auto file = tenon::open_weights(folder.path());
  CHECK(file.find("w.weight")->matrix.scale_rows == 1);
  CHECK(file.find("w.weight")->matrix.scale_columns == 2);
  random_model::write_text(folder / "config.json", R"({"model_type": "llama", "quantization_config": {"weight_block_size": [1, 0]}})");
  refused(folder.path(), folder / "config.json", "expected 'weight_block_size' to be two positive integers");
}

TEST_CASE("config.json") {
  const temporary_folder folder;
  random_model::write_text(folder / "model.safetensors", safetensors_bytes("{}"));
  const auto facts = [&](const std::string& config) {
    random_model::write_text(folder / "config.json", config);
    return tenon::open_weights(folder.path()).facts();
  };
  const tenon::metadata llama3 = facts(R"({"model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32, "rope_theta": 500000.0, "rms_norm_eps": 1e-05, "eos_token_id": [128001, 128008, 128009],
      "rope_scaling": {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"}})");
  CHECK(llama3.integer("llama.attention.key_length") == 128);
  CHECK(llama3.integer("llama.attention.head_count_kv") == 32);
  CHECK(llama3.real("llama.rope.freq_base") == 500000.0);
  CHECK(llama3.text("llama.rope.scaling.type") == "llama3");
  CHECK(llama3.real("llama.rope.scaling.factor") == 8.0);
  CHECK(llama3.real("llama.rope.scaling.low_freq_factor") == 1.0);
  CHECK(llama3.real("llama.rope.scaling.high_freq_factor") == 4.0);
  CHECK(llama3.integer("llama.rope.scaling.original_context_length") == 8192);
  CHECK(llama3.integer("tokenizer.ggml.eos_token_id") == 128001);
  CHECK(llama3.integers("tokenizer.ggml.eos_token_ids") == std::vector<std::int64_t>{128001, 128008, 128009});
  CHECK_FALSE(llama3.has("llama.block_count"));

  const tenon::metadata later = facts(R"({"model_type": "llama", "rope_parameters": {"rope_theta": 10000.0, "rope_type": "llama3", "factor": 2}, "head_dim": 64, "hidden_size": 512, "num_attention_heads": 4})");
  CHECK(later.real("llama.rope.freq_base") == 10000.0);
  CHECK(later.text("llama.rope.scaling.type") == "llama3");
  CHECK(later.integer("llama.attention.key_length") == 64);

  const tenon::metadata qwen2 = facts(R"({"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": false, "num_key_value_heads": 2, "num_attention_heads": 12, "rope_scaling": null, "eos_token_id": 151643,
      "tie_word_embeddings": true})");
  CHECK(qwen2.text("general.architecture") == "qwen2");
  CHECK(qwen2.integer("qwen2.attention.head_count_kv") == 2);
  CHECK(qwen2.real("qwen2.rope.freq_base") == 10000.0);
  CHECK(qwen2.real("qwen2.attention.layer_norm_rms_epsilon") == static_cast<double>(1e-6f));
  CHECK(qwen2.flag("qwen2.tie_word_embeddings") == true);
  CHECK_FALSE(qwen2.has("qwen2.attention.sliding_window"));
  CHECK_FALSE(qwen2.has("qwen2.rope.scaling.type"));

  // generation_config.json knows better where an answer ends.
  random_model::write_text(folder / "generation_config.json", R"({"eos_token_id": [151645, 151643]})");
  CHECK(facts(R"({"model_type": "qwen2", "eos_token_id": 151643})").integer("tokenizer.ggml.eos_token_id") == 151645);
}

TEST_CASE("config.json that is wrong") {
  const temporary_folder folder;
  random_model::write_text(folder / "model.safetensors", safetensors_bytes("{}"));
  const auto says = [&](const std::string& config, const char* sentence) {
    random_model::write_text(folder / "config.json", config);
    refused(folder.path(), folder / "config.json", sentence);
  };
  says("{", "expected valid JSON, found a syntax error");
  says("[1]", "expected a JSON object, found a JSON array");
  says("{\"model_type\": \"\xff\"}", "expected valid JSON, found invalid UTF-8");
  says("{}", "expected 'model_type' to name the family of the model");
  says(R"({"model_type": 3})", "expected 'model_type' to be a text, found '3'");
  says(R"({"model_type": "llama", "hidden_size": "wide"})", "expected 'hidden_size' to be an integer, found '\"wide\"'");
  says(R"({"model_type": "llama", "hidden_size": 1.5})", "expected 'hidden_size' to be an integer, found '1.5'");
  says(R"({"model_type": "llama", "hidden_size": 18446744073709551615})", "expected 'hidden_size' to be an integer");
  says(R"({"model_type": "llama", "rope_theta": true})", "expected 'rope_theta' to be a number, found 'true'");
  says(R"({"model_type": "llama", "rope_scaling": 2})", "expected 'rope_scaling' to be an object, found '2'");
  says(R"({"model_type": "llama", "eos_token_id": ["x"]})", "expected 'eos_token_id' to be an integer");
  says(R"({"model_type": "llama", "tie_word_embeddings": 1})", "expected 'tie_word_embeddings' to be true or false, found '1'");
  says(R"({"model_type": "llama", "model_type": "qwen2"})", "expected each key once, found 'model_type' twice in one object");
  says(R"({"model_type": "llama", "x": )" + std::string(100, '[') + std::string(100, ']') + "}", "expected JSON of at most 64 levels");
  random_model::write_text(folder / "config.json", R"({"model_type": "llama", "tie_word_embeddings": false})");
  refused(folder.path(), folder.path(), "expected a tensor 'lm_head.weight', since config.json says that the head is not tied");
}

TEST_CASE("a tied head has no second copy") {
  const temporary_folder folder;
  random_model::write_text(folder / "config.json", R"({"model_type": "llama", "tie_word_embeddings": true})");
  random_model::write_text(folder / "model.safetensors", safetensors_bytes(R"({"lm_head.weight": {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}})", 4));
  CHECK(tenon::open_weights(folder.path()).find("output.weight") == nullptr);
}

TEST_CASE("folders that are no model") {
  const temporary_folder folder;
  refused(folder.path(), folder.path(), "expected the folder of a model with a config.json, found none");
  refused(folder / "none", folder / "none", "No such file");
  refused(folder / "none.safetensors", folder / "none.safetensors", "No such file");
  random_model::write_text(folder / "config.json", R"({"model_type": "llama"})");
  refused(folder.path(), folder.path(), "expected model.safetensors or model.safetensors.index.json, found neither");
  std::filesystem::create_directory(folder / "model.safetensors");
  refused(folder.path(), folder / "model.safetensors", "expected a safetensors file, found a folder");
  std::filesystem::remove(folder / "model.safetensors");
  std::ofstream(folder / "model.safetensors").close();
  refused(folder.path(), folder / "model.safetensors", "found an empty file");
}

TEST_CASE("an index that does not fit its shards") {
  const temporary_folder folder;
  const random_model model;
  model.write_folder(folder.path(), 2);
  const std::string listing = folder / "model.safetensors.index.json", first = "model-00001-of-00002.safetensors";
  std::ifstream in(listing);
  const std::string listing_text{std::istreambuf_iterator<char>(in), {}};
  const auto says = [&](const std::string& text, const std::string& file, const char* sentence) {
    random_model::write_text(listing, text);
    refused(folder.path(), file, sentence);
  };
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = listing_text;
    return text.replace(text.find(from), from.size(), to);
  };
  says("{}", listing, "expected 'weight_map' to map tensors to files, found none");
  says(R"({"weight_map": []})", listing, "found array");
  says(R"({"weight_map": {"a": 1}})", listing, "expected the file of 'a' to be a text, found number");
  for (const char* path : {"../x.safetensors", "/etc/passwd", "..", ".", "", "a/b"}) says(std::string(R"({"weight_map": {"a": ")") + path + "\"}}", listing, "to be a plain file name");
  says(replaced("\"model.norm.weight\"", "\"model.other.weight\""), listing, "expected tensor 'model.norm.weight' to be listed in 'model-00002-of-00002.safetensors', where it is, found it nowhere");
  says(replaced("\"model.norm.weight\": \"model-00002", "\"model.norm.weight\": \"model-00001"), listing, "found it in 'model-00001-of-00002.safetensors'");
  says(replaced("\"weight_map\": {", "\"weight_map\": {\"ghost\": \"" + first + "\", "), listing, "expected tensor 'ghost' in 'model-00001-of-00002.safetensors', found none of that name there");
  says(replaced(first, "gone.safetensors"), folder / "gone.safetensors", "No such file");
  random_model::write_text(listing, listing_text);
  CHECK(tenon::open_weights(folder.path()).tensors().size() == model.tensors().size());
  std::filesystem::resize_file(folder / first, std::filesystem::file_size(folder / first) - 1);
  refused(folder.path(), folder / first, "bytes of data in the file");
}

TEST_CASE("what safetensors cannot hold is not written") {
  const temporary_folder folder;
  const random_model model({.kind = tenon::storage::q8_0});
  const auto written = tenon::attempt([&] { return tenon::write_safetensors(folder / "model.safetensors", model.tensors()), 0; });
  REQUIRE_FALSE(written);
  CHECK(std::string(written.fault().what()).find("safetensors cannot hold tensor 'token_embd.weight' (Q8_0)") != std::string::npos);
  CHECK(folder.entries() == 0);
}

}  // namespace
