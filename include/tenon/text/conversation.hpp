#pragma once
// A chat with a model: the turns so far, and the sequence that has read them.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tenon/model/load.hpp>
#include <tenon/model/plan.hpp>
#include <tenon/text/answer.hpp>
#include <tenon/text/chat_template.hpp>
#include <tenon/text/encode_chat.hpp>
#include <tenon/text/tokenizer.hpp>

namespace tenon {

/// How much was read and written, and how long it took.
struct pace {
  index_t prompt_tokens = 0, answer_tokens = 0;
  double prompt_seconds = 0, answer_seconds = 0;

  /// Tokens per second; 0 where there were none.
  double prompt_rate() const { return prompt_tokens > 0 ? static_cast<double>(prompt_tokens) / prompt_seconds : 0; }
  double answer_rate() const { return answer_tokens > 0 ? static_cast<double>(answer_tokens) / answer_seconds : 0; }
};

/// Each turn is written by the chat template and read after what the model has read before: only what is new costs time. Without a
/// template the turns are one raw text, in which control tokens are parsed. The tokenizer must outlive it.
template <class Decoder, class Machine>
class conversation {
 public:
  /// Room for `capacity` tokens in all. `system` may be empty. Throws tenon::error when memory is short.
  conversation(const model<Decoder, Machine>& owner, const tokenizer& tokens, std::optional<chat_template> style, index_t capacity, std::string system = {})
      : tokens_(&tokens), style_(std::move(style)), sequence_(owner, capacity) {
    if (!system.empty()) turns_.push_back({role::system, std::move(system)});
  }

  /// Says `words` and hears the answer: show(piece) is called with each piece as it comes, and ends the answer by returning false; it is
  /// also called with nothing while a long prompt is being read. Returns why the answer ended: `running` when show ended it.
  /// What was said and answered is remembered, except after an exception: tenon::error for no words, and for more than there is room for.
  template <class Show>
  ending ask(std::string words, const answer_options& how, Show&& show) {
    if (words.empty()) throw error("the prompt is empty. Fix: say something.");
    turns_.push_back({role::user, std::move(words)});
    try {
      std::string heard;
      const ending ended = hear(written(), how, [&](const std::string& piece) {
        heard += piece;
        return show(piece);
      });
      turns_.push_back({role::assistant, std::move(heard)});
      return ended;
    } catch (...) {
      turns_.pop_back();
      throw;
    }
  }

  const std::vector<message>& turns() const { return turns_; }
  /// Sums over all questions.
  const tenon::pace& pace() const { return pace_; }
  index_t capacity() const { return sequence_.capacity(); }

 private:
  using clock = std::chrono::steady_clock;
  static double since(clock::time_point begin) { return std::chrono::duration<double>(clock::now() - begin).count(); }

  // All turns as tokens.
  std::vector<std::int32_t> written() const {
    if (style_) return encode_chat(*tokens_, style_->render(turns_));
    std::string raw;
    for (const auto& turn : turns_) raw += turn.text;
    auto out = tokens_->encode(raw, controls::parsed);
    if (tokens_->adds_bos()) out.insert(out.begin(), tokens_->bos());
    return out;
  }

  template <class Show>
  ending hear(const std::vector<std::int32_t>& prompt, const answer_options& how, Show&& show) {
    if (prompt.empty()) throw error("the prompt has no tokens: the vocabulary knows none of its bytes. Fix: another prompt.");
    if (static_cast<index_t>(prompt.size()) > sequence_.capacity())
      throw error("the conversation is ", prompt.size(), " tokens long and the cache has room for ", sequence_.capacity(), ". Fix: a shorter prompt, a new conversation, or a larger cache (--context).");
    // What the sequence holds already, as far as it is the same; at least one token is read for its logits.
    const auto kept = std::mismatch(held_.begin(), held_.end(), prompt.begin(), prompt.end()).first - held_.begin();
    std::size_t done = std::min(static_cast<std::size_t>(kept), prompt.size() - 1);
    sequence_.truncate(static_cast<index_t>(done));
    held_.assign(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(done));

    const auto begin = clock::now();
    const std::span<const std::int32_t> all(prompt);
    constexpr auto step = static_cast<std::size_t>(block_tokens);  // between two looks at whether the answer is still wanted
    for (; prompt.size() - done > step; done += step) {
      if (!show(std::string())) return ending::running;
      sequence_.read(all.subspan(done, step));
      held_.insert(held_.end(), prompt.begin() + static_cast<std::ptrdiff_t>(done), prompt.begin() + static_cast<std::ptrdiff_t>(done + step));
      pace_.prompt_tokens += block_tokens;
    }
    text_answer<sequence<Decoder, Machine>> answer(sequence_, *tokens_, all.subspan(done), how);
    pace_.prompt_tokens += static_cast<index_t>(prompt.size() - done);
    pace_.prompt_seconds += since(begin);

    const auto first = clock::now();
    bool wanted = true;
    for (const std::string& piece : answer)
      if (wanted = show(piece); !wanted) break;
    pace_.answer_seconds += since(first);
    pace_.answer_tokens += static_cast<index_t>(answer.taken().size());
    held_ = prompt;
    held_.insert(held_.end(), answer.taken().begin(), answer.taken().end());
    held_.resize(static_cast<std::size_t>(sequence_.length()));  // the last token was chosen, not read
    return wanted ? answer.ended() : ending::running;
  }

  const tokenizer* tokens_;
  std::optional<chat_template> style_;
  sequence<Decoder, Machine> sequence_;
  std::vector<std::int32_t> held_;  // what the sequence has read
  std::vector<message> turns_;
  tenon::pace pace_;
};

}  // namespace tenon
