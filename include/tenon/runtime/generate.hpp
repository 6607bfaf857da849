#pragma once
// Generation of tokens: read a prompt, then sample, yield and read one token at a time.

#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <tenon/model/sequence.hpp>
#include <tenon/runtime/sampling.hpp>

namespace tenon {

/// How an answer is generated: the choices of `sampling` and where to stop. Flat, so that {.temperature = 0.6f, .max_tokens = 100}
/// names members of it (those of a base cannot be named so).
struct generation {
  float temperature = 0;         ///< 0: always the most probable token
  int top_k = 0;                 ///< 0: no limit
  float top_p = 1;               ///< 1: no limit
  float min_p = 0;               ///< 0: no limit
  float repetition_penalty = 1;  ///< 1: none
  std::uint64_t seed = 0;
  index_t max_tokens = std::numeric_limits<index_t>::max();  ///< the answer ends after so many
  std::vector<std::int32_t> stop{};                      ///< tokens that end the answer; they are not yielded

  constexpr sampling choices() const {
    return {.temperature = temperature, .top_k = top_k, .top_p = top_p, .min_p = min_p, .repetition_penalty = repetition_penalty, .seed = seed};
  }
};

/// Why an answer ended.
enum class ending { running, stop_token, max_tokens, full_cache };

/// The tokens of an answer, one by one: an input range. The sequence must outlive it and holds prompt and answer afterwards,
/// so that a conversation goes on by generating again with the next turn's tokens.
template <class Sequence>
class token_stream {
 public:
  /// Reads the prompt at once. Throws tenon::error as sequence::read does.
  token_stream(Sequence& sequence, std::span<const std::int32_t> prompt, generation how)
      : sequence_(&sequence), how_(std::move(how)), sampler_(how_.choices(), static_cast<int>(Sequence::decoder_type::shape.vocabulary)), context_(prompt.begin(), prompt.end()) {
    settle(sequence.read(prompt));
  }

  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = std::int32_t;
    using difference_type = std::ptrdiff_t;
    iterator() = default;
    explicit iterator(token_stream* stream) : stream_(stream) {}
    std::int32_t operator*() const { return stream_->next_; }
    iterator& operator++() {
      stream_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) { return i.done(); }

   private:
    bool done() const { return stream_->ending_ != ending::running; }
    token_stream* stream_ = nullptr;
  };
  iterator begin() { return iterator(this); }
  std::default_sentinel_t end() const { return {}; }

  /// Why the answer ended, once the range is at its end.
  ending ended() const { return ending_; }
  /// Tokens yielded so far.
  index_t count() const { return count_; }

 private:
  // The yielded token becomes part of the sequence only when the next one is asked for: an abandoned answer costs nothing.
  void advance() {
    ++count_;
    context_.push_back(next_);
    if (sequence_->length() == sequence_->capacity()) {
      ending_ = ending::full_cache;
      return;
    }
    settle(sequence_->read(std::span(&context_.back(), 1)));
  }
  void settle(std::span<const float> logits) {
    if (count_ >= how_.max_tokens) {
      ending_ = ending::max_tokens;
      return;
    }
    next_ = choose(logits);
    for (const std::int32_t token : how_.stop)
      if (next_ == token) ending_ = ending::stop_token;
  }

  // Where a machine finds the largest logit, the others stay there.
  std::int32_t choose(std::span<const float> logits) {
    if constexpr (requires { sequence_->most_probable(); })
      if (sampler_.takes_largest()) return sampler::chosen(sequence_->most_probable());
    return sampler_(logits.data(), context_);
  }

  Sequence* sequence_;
  generation how_;
  sampler sampler_;
  std::vector<std::int32_t> context_;
  std::int32_t next_ = 0;
  index_t count_ = 0;
  ending ending_ = ending::running;
};

/// Answers `prompt` (token ids) with the sequence's model, after whatever the sequence has read before.
template <class Decoder, class Machine, class Memory>
token_stream<sequence<Decoder, Machine, Memory>> generate(sequence<Decoder, Machine, Memory>& sequence, std::span<const std::int32_t> prompt, generation how = {}) {
  return {sequence, prompt, std::move(how)};
}

}  // namespace tenon
