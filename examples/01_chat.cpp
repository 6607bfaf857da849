// Chats with a language model: an assembled model and the library around it. `sh examples/run.sh` builds it, obtains weights and runs it.

#include <chrono>
#include <cstdio>
#include <optional>

#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/model/load_any.hpp>
#include <tenon/model/weights/open.hpp>
#include <tenon/model/zoo/llama.hpp>
#include <tenon/model/zoo/qwen2.hpp>
#include <tenon/text/chat.hpp>
#include <tenon/text/conversation.hpp>
#include <tenon/text/generate.hpp>

#include "support/chat_options.hpp"

struct smollm2 {  // SmolLM2-135M, a decoder of the llama family: all that makes it this model
  static constexpr const char* name = "SmolLM2-135M";
  static constexpr tenon::decoder_spec shape{.width = 576, .blocks = 30, .vocabulary = 49152, .tied_head = tenon::head::tied, .epsilon = 1e-5f};
  static constexpr tenon::attention_spec attention{.query_heads = 9, .kv_heads = 3, .head_dim = 64};
  static constexpr auto mask = tenon::causal{};
  static constexpr auto score = tenon::scaled{};
  static constexpr auto position = tenon::rotary{.theta = 1e5f, .pairing = tenon::halves};
  static constexpr auto gate = tenon::swiglu{.hidden = 1536};
  static constexpr auto precision = tenon::as_stored;
};

// Answers the prompt, what a pipe brings, or every line typed; returns what was read and written.
template <class Model>
tenon::pace talk(const Model& model, const chat_options& options) {
  const auto words = tenon::open_vocabulary(model.share()->file);
  const tenon::tokenizer tokens(words);
  std::optional<tenon::chat_template> style;
  if (options.written == chat_options::by_template) style.emplace(words.chat_template);
  tenon::conversation chat(model, tokens, style, tenon::context_of(model.facts(), options.context), options.system);

  if (options.prompt.empty() && tenon::input_is_terminal()) {
    tenon::chat_at_terminal(chat, options.answer);
  } else {
    const auto prompt = options.prompt.empty() ? tenon::line_reader().rest() : options.prompt;
    tenon::print_answer(chat, prompt, options.answer, tenon::interrupts());
  }
  return chat.pace();
}

int main(int count, char** words) try {
  const auto begin = std::chrono::steady_clock::now();
  const auto options = chat_options::parse(count, words);
  if (options.what == chat_options::help) return tenon::print(chat_options::usage), 0;
  if (options.what == chat_options::version) return std::printf("tenon_chat %d.%d.%d\n", TENON_VERSION / 10000, TENON_VERSION / 100 % 100, TENON_VERSION % 100), 0;

  using namespace tenon::zoo;
  tenon::load_any<tenon::decoder<smollm2>, tenon::decoder<r1_distill_qwen_1_5b>, tenon::decoder<r1_distill_qwen_7b>, tenon::decoder<r1_distill_llama_8b>>(
      tenon::open_weights(options.model), tenon::cpu({.threads = options.threads}), [&](const auto& model) {
        const std::chrono::duration<double> load = std::chrono::steady_clock::now() - begin;
        const tenon::pace pace = talk(model, options);
        std::fprintf(stderr, "prompt: %td tokens, %.1f tokens/s; answer: %td tokens, %.1f tokens/s; load: %.2f s; peak memory: %ld MiB\n", pace.prompt_tokens,
                     pace.prompt_rate(), pace.answer_tokens, pace.answer_rate(), load.count(), tenon::peak_memory());
      });
} catch (const std::exception& fault) {
  return std::fprintf(stderr, "%s\n", fault.what()), 1;
}
