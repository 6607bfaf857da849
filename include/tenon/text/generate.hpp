#pragma once
// From a model and a question to an answer, in one call.

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/model/load.hpp>
#include <tenon/text/answer.hpp>
#include <tenon/text/chat_template.hpp>
#include <tenon/text/encode_chat.hpp>
#include <tenon/text/open_vocabulary.hpp>
#include <tenon/text/tokenizer.hpp>

namespace tenon {

/// The most tokens that a file's model was trained to read at once, but at most `limit`.
inline index_t context_of(const metadata& facts, index_t limit) {
  const std::string family(facts.text("general.architecture").value_or(""));
  const auto trained = facts.integer(family + ".context_length").value_or(limit);
  return trained > 0 ? std::min<index_t>(static_cast<index_t>(trained), limit) : limit;
}

/// An answer with all that it needs: an input range of std::string. See generate.
template <class Decoder, class Machine>
class written_answer {
 public:
  written_answer(const model<Decoder, Machine>& owner, std::string_view question, const answer_options& how) {
    const vocabulary words = open_vocabulary(owner.share()->file);
    tokens_ = std::make_unique<tokenizer>(words);
    std::vector<std::int32_t> prompt;
    if (words.chat_template.empty()) {
      prompt = tokens_->encode(question);
      if (tokens_->adds_bos()) prompt.insert(prompt.begin(), tokens_->bos());
    } else {
      const message turn[] = {{role::user, std::string(question)}};
      prompt = encode_chat(*tokens_, chat_template(words.chat_template).render(turn));
    }
    const index_t most = context_of(owner.facts(), 8192), length = static_cast<index_t>(prompt.size());
    sequence_ = std::make_unique<sequence<Decoder, Machine>>(owner, how.max_tokens < most - length ? length + how.max_tokens : most);
    answer_ = std::make_unique<text_answer<sequence<Decoder, Machine>>>(*sequence_, *tokens_, prompt, how);
  }

  auto begin() { return answer_->begin(); }
  auto end() const { return answer_->end(); }
  /// Why the answer ended, once the range is at its end.
  ending ended() const { return answer_->ended(); }

 private:
  std::unique_ptr<tokenizer> tokens_;
  std::unique_ptr<sequence<Decoder, Machine>> sequence_;
  std::unique_ptr<text_answer<sequence<Decoder, Machine>>> answer_;
};

/// Answers `question` with the tokenizer and the chat template of the model's own file (without a template: goes on with the text).
///   for (const auto& piece : tenon::generate(model, "Why is the sky blue?", {.temperature = 0.6f})) std::cout << piece << std::flush;
/// Question and answer share a cache of at most 8192 tokens. Throws tenon::error where the file has no tokenizer or template that tenon knows.
template <class Decoder, class Machine>
written_answer<Decoder, Machine> generate(const model<Decoder, Machine>& owner, std::string_view question, const answer_options& how = {}) {
  return {owner, question, how};
}

}  // namespace tenon
