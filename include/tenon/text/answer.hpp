#pragma once
// Generation of text: the tokens of an answer as pieces of whole characters.

#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tenon/runtime/generate.hpp>
#include <tenon/text/answer_options.hpp>
#include <tenon/text/stop_texts.hpp>
#include <tenon/text/stream.hpp>
#include <tenon/text/tokenizer.hpp>

namespace tenon {

/// The text of an answer, piece by piece: an input range of std::string, none of them empty. Sequence and tokenizer must outlive it.
/// Control tokens are not shown. The answer ends as token_stream does, at a token that ends turns, and before a stop text.
template <class Sequence>
class text_answer {
 public:
  /// Reads the prompt at once. Throws tenon::error as sequence::read does, and for a tokenizer of another model.
  text_answer(Sequence& sequence, const tokenizer& tokens, std::span<const std::int32_t> prompt, const answer_options& how = {})
      : tokens_(&tokens), stops_(how.stop), stream_(sequence, prompt, with_ends(how.of_tokens(), tokens)), at_(stream_.begin()) {
    advance();
  }
  text_answer(const text_answer&) = delete;  // its iterators point here
  text_answer& operator=(const text_answer&) = delete;

  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = std::string;
    using difference_type = std::ptrdiff_t;
    iterator() = default;
    explicit iterator(text_answer* answer) : answer_(answer) {}
    const std::string& operator*() const { return answer_->text_; }
    iterator& operator++() {
      answer_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) { return i.done(); }

   private:
    bool done() const { return answer_->text_.empty(); }
    text_answer* answer_ = nullptr;
  };
  iterator begin() { return iterator(this); }
  std::default_sentinel_t end() const { return {}; }

  /// Why the answer ended, once the range is at its end; a stop text counts as a stop token.
  ending ended() const { return stops_.stopped() ? ending::stop_token : stream_.ended(); }
  /// The tokens taken from the model so far.
  const std::vector<std::int32_t>& taken() const { return taken_; }

 private:
  static generation with_ends(generation how, const tokenizer& tokens) {
    if (tokens.size() > Sequence::decoder_type::shape.vocabulary)
      throw error("the tokenizer has ", tokens.size(), " tokens, the model ", Sequence::decoder_type::shape.vocabulary, ". Fix: take both from one file.");
    how.stop = tokens.ends();
    return how;
  }

  // The next piece into text_; empty at the end. A token is shown before the model works on the one after it.
  void advance() {
    text_.clear();
    while (text_.empty() && !stops_.stopped()) {
      if (!taken_.empty() && !ended_) ++at_;
      if (ended_ || at_ == stream_.end()) {
        if (!std::exchange(ended_, true)) text_ = stops_.push(held_.finish());
        text_ += stops_.finish();
        return;
      }
      const std::int32_t token = *at_;
      taken_.push_back(token);
      // A model may have more rows than its tokenizer has tokens: padding, which has no text.
      if (token < tokens_->size() && !tokens_->is_control(token)) text_ = stops_.push(held_.push(tokens_->piece(token)));
    }
  }

  const tokenizer* tokens_;
  stop_texts stops_;
  token_stream<Sequence> stream_;
  typename token_stream<Sequence>::iterator at_;
  text_stream held_;
  std::vector<std::int32_t> taken_;
  std::string text_;
  bool ended_ = false;
};

}  // namespace tenon
