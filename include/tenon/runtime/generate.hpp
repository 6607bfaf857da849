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

namespace detail {

/// How the token after those that a sequence reads is chosen: on the host.
template <class Sequence>
class next_token {
 public:
  next_token(Sequence&, const sampling& how, std::span<const std::int32_t>) : sampler_(how, static_cast<int>(Sequence::decoder_type::shape.vocabulary)) {}
  /// Reads `tokens`, the last of all `context`, and returns what says the next one.
  auto after(Sequence& sequence, std::span<const std::int32_t> tokens, std::span<const std::int32_t> context) {
    return [this, logits = sequence.read(tokens), context] { return sampler_(logits.data(), context); };
  }

 private:
  sampler sampler_;
};
/// By the machine: it comes with the logits, which stay there.
template <class Sequence>
  requires(Sequence::draws_tokens)
class next_token<Sequence> {
 public:
  next_token(Sequence& sequence, const sampling& how, std::span<const std::int32_t> prompt) { sequence.draw_as(how, prompt); }
  auto after(Sequence& sequence, std::span<const std::int32_t> tokens, std::span<const std::int32_t>) {
    return [token = sequence.next(tokens)] { return sampler::chosen(token); };
  }
};

}  // namespace detail

/// The tokens of an answer, one by one: an input range. The sequence must outlive it and holds prompt and answer afterwards,
/// so that a conversation goes on by generating again with the next turn's tokens. One at a time over one sequence.
template <class Sequence>
class token_stream {
 public:
  /// Reads the prompt at once. Throws tenon::error as sequence::read does.
  token_stream(Sequence& sequence, std::span<const std::int32_t> prompt, generation how)
      : sequence_(&sequence), how_(std::move(how)), context_(prompt.begin(), prompt.end()), next_token_(sequence, how_.choices(), context_) {
    settle(next_token_.after(sequence, prompt, context_));
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
    settle(next_token_.after(*sequence_, std::span(&context_.back(), 1), context_));
  }
  void settle(auto&& next) {
    if (count_ >= how_.max_tokens) {
      ending_ = ending::max_tokens;
      return;
    }
    next_ = next();
    for (const std::int32_t token : how_.stop)
      if (next_ == token) ending_ = ending::stop_token;
  }

  Sequence* sequence_;
  generation how_;
  std::vector<std::int32_t> context_;
  detail::next_token<Sequence> next_token_;
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
