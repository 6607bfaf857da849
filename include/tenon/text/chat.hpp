#pragma once
// A conversation with the person at the terminal, or with whoever wrote the prompt. `Conversation` is tenon::conversation, or whatever
// has its ask and capacity.

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include <tenon/core/fault.hpp>
#include <tenon/runtime/generate.hpp>
#include <tenon/text/answer_options.hpp>
#include <tenon/text/terminal.hpp>

namespace tenon {

/// Asks and prints the answer to standard output while it comes; Ctrl-C ends it. Why it ended otherwise is said on standard error.
/// Throws tenon::error as conversation::ask, and when the answer was cut off because the cache is full.
template <class Conversation>
void print_answer(Conversation& chat, std::string words, const answer_options& how, const interrupts& interrupts) {
  const auto ended = chat.ask(std::move(words), how, [&](std::string_view piece) {
    print(piece);
    return !interrupts.raised();
  });
  print("\n");
  if (ended == ending::full_cache)
    throw error("the answer was cut off: the cache of ", chat.capacity(), " tokens is full. Fix: a new conversation, or a larger cache (--context).");
  if (ended == ending::max_tokens) std::fprintf(stderr, "(cut off after %td tokens: see --max-tokens)\n", how.max_tokens);
}

/// Answers line after line until the input ends (Ctrl-D) or Ctrl-C comes twice where a line is expected. What goes wrong with one line is
/// said on standard error, and the next one is awaited. Prompts go to standard error: standard output has the answers alone.
template <class Conversation>
void chat_at_terminal(Conversation& chat, const answer_options& how) {
  using outcome = line_reader::outcome;
  interrupts interrupts;
  line_reader input;
  const auto ask_for_line = [&](std::string& line, const char* prompt) {
    std::fputs(prompt, stderr);
    return input.next(line, interrupts);
  };
  for (std::string line;;) {
    interrupts.clear();
    auto got = ask_for_line(line, "> ");
    if (got == outcome::interrupted) got = ask_for_line(line, "\n(Ctrl-C again to leave)\n> ");
    if (got != outcome::line) break;
    if (line.empty()) continue;
    interrupts.clear();
    try {
      print_answer(chat, line, how, interrupts);
    } catch (const error& fault) {
      std::fprintf(stderr, "%s\n", fault.what());
    }
  }
  std::fputs("\n", stderr);
}

}  // namespace tenon
