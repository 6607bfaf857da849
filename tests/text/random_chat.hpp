#pragma once
// A chat with a small random model: what it says is nonsense, when and how it says it is not.

#include <string>

#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/model/load.hpp>
#include <tenon/text/conversation.hpp>
#include <tenon/text/gguf_vocabulary.hpp>

#include "../support/random_model.hpp"
#include "../support/small_spec.hpp"
#include "../support/temporary_folder.hpp"

struct random_spec : small_spec {
  static constexpr const char* name = "random";
  static constexpr tenon::decoder_spec shape{.width = 64, .blocks = 2, .vocabulary = 288, .tied_head = tenon::head::tied, .epsilon = 1e-5f};
  static constexpr tenon::attention_spec attention{.query_heads = 2, .kv_heads = 1, .head_dim = 64};
  static constexpr auto gate = tenon::swiglu{.hidden = 128};
};

inline constexpr const char* chatml =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

struct random_chat {
  using decoder = tenon::decoder<random_spec>;
  using sequence = tenon::sequence<decoder, tenon::cpu>;

  tenon_test::temporary_folder folder;
  tenon::model<decoder, tenon::cpu> model = tenon::load<decoder>(written(folder / "random.gguf"), tenon::cpu({.threads = 1}));
  tenon::tokenizer tokens{tenon::read_vocabulary(model.facts())};

  tenon::conversation<decoder, tenon::cpu> open(tenon::index_t capacity, std::string system = {}) const {
    return {model, tokens, tenon::chat_template(chatml), capacity, std::move(system)};
  }
  static tenon_test::random_model make() { return tenon_test::random_model({.query_heads = 2, .kv_heads = 1, .head_dim = 64}); }

 private:
  static std::string written(const std::string& path) {
    make().write_gguf(path);
    return path;
  }
};
