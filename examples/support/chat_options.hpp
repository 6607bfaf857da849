#pragma once
// What the chat program can be asked on its command line.

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

#include <getopt.h>

#include <tenon/core/fault.hpp>
#include <tenon/text/answer_options.hpp>
#include <tenon/version.hpp>

struct chat_options {
  std::string prompt, system, model;
  tenon::answer_options answer{.temperature = 0.2f, .top_p = 0.9f, .repetition_penalty = 1.1f, .max_tokens = 2048};
  tenon::index_t context = 8192;
  int threads = 0;
  enum { chat, help, version } what = chat;
  enum { by_template, raw } written = by_template;

  static constexpr const char* usage =
      R"(Usage: tenon_chat [OPTION...] [PROMPT...]

Answers PROMPT, or what a pipe brings; without both, chats at the terminal (Ctrl-C ends an answer, Ctrl-D the chat).
The model is the GGUF file or the safetensors folder named by the variable TENON_MODEL.

  --temperature T     0 always takes the most probable token (default 0.2)
  --top-k K           only the K most probable tokens; 0: all (default 0)
  --top-p P           only the most probable tokens that together have probability P (default 0.9)
  --min-p P           only tokens at least P times as probable as the most probable one (default 0)
  --repeat-penalty R  above 1: tokens that were used become less probable (default 1.1; 1: none)
  --seed N            the same seed gives the same answer (default 0)
  --stop TEXT         end the answer before TEXT; may be given several times
  --max-tokens N      end the answer after N tokens (default 2048)
  --context N         room for N tokens, all turns together (default 8192, at most what the model was trained for)
  --system TEXT       the system message (default: the model's own)
  --raw               no chat template: the prompt is the text that the model continues
  --threads N         (default: all cores)
  --help, --version
)";

  /// Throws tenon::error for what it does not understand.
  static chat_options parse(int count, char** words) {
    chat_options out;
    enum : int { is_temperature = 256, is_top_k, is_top_p, is_min_p, is_repeat_penalty, is_seed, is_stop, is_max_tokens, is_context, is_system, is_raw, is_threads, is_help, is_version };
    constexpr option known[] = {{"temperature", 1, nullptr, is_temperature}, {"top-k", 1, nullptr, is_top_k}, {"top-p", 1, nullptr, is_top_p}, {"min-p", 1, nullptr, is_min_p},
                                {"repeat-penalty", 1, nullptr, is_repeat_penalty}, {"seed", 1, nullptr, is_seed}, {"stop", 1, nullptr, is_stop}, {"max-tokens", 1, nullptr, is_max_tokens},
                                {"context", 1, nullptr, is_context}, {"system", 1, nullptr, is_system}, {"raw", 0, nullptr, is_raw}, {"threads", 1, nullptr, is_threads},
                                {"help", 0, nullptr, is_help}, {"version", 0, nullptr, is_version}, {nullptr, 0, nullptr, 0}};
    opterr = 0;
    for (int which; (which = getopt_long(count, words, ":h", known, nullptr)) != -1;) {
      switch (which) {
        case is_temperature: number(out.answer.temperature, "--temperature"); break;
        case is_top_k: number(out.answer.top_k, "--top-k"); break;
        case is_top_p: number(out.answer.top_p, "--top-p"); break;
        case is_min_p: number(out.answer.min_p, "--min-p"); break;
        case is_repeat_penalty: number(out.answer.repetition_penalty, "--repeat-penalty"); break;
        case is_seed: number(out.answer.seed, "--seed"); break;
        case is_stop: out.answer.stop.emplace_back(optarg); break;
        case is_max_tokens: positive(out.answer.max_tokens, "--max-tokens"); break;
        case is_context: positive(out.context, "--context"); break;
        case is_system: out.system = optarg; break;
        case is_raw: out.written = raw; break;
        case is_threads: positive(out.threads, "--threads"); break;
        case is_help: case 'h': out.what = help; return out;
        case is_version: out.what = version; return out;
        case ':': throw tenon::error("option '", words[optind - 1], "' needs a value. Fix: see --help.");
        default: throw tenon::error("option '", words[optind - 1], "' is not known. Fix: see --help.");
      }
    }
    for (int i = optind; i < count; ++i) out.prompt += (i > optind ? " " : "") + std::string(words[i]);
    if (optind < count && out.prompt.empty()) throw tenon::error("the prompt is empty. Fix: say something, or give no prompt at all to chat.");
    const char* model = std::getenv("TENON_MODEL");
    out.model = model == nullptr ? "" : model;
    if (out.model.empty()) throw tenon::error("no model: the variable TENON_MODEL is not set. Fix: TENON_MODEL=FILE.gguf, or run 'sh examples/run.sh'.");
    return out;
  }

 private:
  template <class T>
  static void number(T& into, const char* option) {
    const std::string_view text(optarg);
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), into);
    if (fault != std::errc{} || end != text.data() + text.size()) throw tenon::error("option ", option, " needs a number in range, not '", text.substr(0, 40), "'. Fix: see --help.");
  }
  template <class T>
  static void positive(T& into, const char* option) {
    number(into, option);
    if (into < 1) throw tenon::error("option ", option, " needs a number of at least 1, not '", optarg, "'. Fix: see --help.");
  }
};
