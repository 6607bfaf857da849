#pragma once
// One sequence of tokens in the course of being read or written: its cache, its arena, and the forward pass over both.

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include <tenon/core/memory.hpp>
#include <tenon/kernels/launch/embed.hpp>
#include <tenon/model/decoder.hpp>

namespace tenon {

template <class Decoder, class Machine>
class model;

/// A sequence over a model. Sequences of one model are independent and may run in different threads at once; one sequence
/// belongs to one thread at a time. Memory is taken here, never while running.
template <class Decoder, class Machine>
class sequence {
 public:
  using decoder_type = Decoder;

  /// Room for `capacity` tokens. The model's weights are kept alive. Throws tenon::error when memory is short.
  sequence(const model<Decoder, Machine>& owner, index_t capacity) : model_(owner.share()), capacity_(capacity) {
    if (capacity <= 0) throw error("[capacity] of a sequence must be positive. Fix: give the most tokens, prompt and answer together.");
    const Machine& machine = model_->machine;
    std::size_t state_bytes = 0, scratch_bytes = matmul_scratch(machine, block_tokens, Decoder::shape.width);
    facts::each_block([&]<class Block, std::size_t>(index_t, index_t) {
      state_bytes += Block::state_bytes(machine, capacity);
      scratch_bytes = std::max(scratch_bytes, Block::scratch_bytes(machine, capacity));
    });
    const std::size_t arena_bytes = round_up(static_cast<std::size_t>(Decoder::arena_floats) * sizeof(float), 64);
    cache_ = buffer(state_bytes, "the key-value cache");
    arena_ = buffer(arena_bytes + scratch_bytes, "the activations");
    scratch_ = arena_.data() + arena_bytes;
    std::byte* at = cache_.data();
    facts::each_block([&]<class Block, std::size_t Run>(index_t, index_t) {
      std::get<Run>(state_).push_back(Block::open_state(machine, at, capacity));
      at += Block::state_bytes(machine, capacity);
    });
  }

  index_t length() const { return length_; }
  index_t capacity() const { return capacity_; }
  /// Bytes of the cache and of the arena, for reports.
  std::size_t memory() const { return cache_.size() + arena_.size(); }

  /// Reads `tokens` after what was read before; returns the logits [vocabulary] of the last one, valid until the next call.
  /// Throws tenon::error for no tokens, a token outside the vocabulary, or more tokens than the cache has room for.
  std::span<const float> read(std::span<const std::int32_t> tokens) {
    check(tokens);
    for (std::size_t done = 0; done < tokens.size();) {
      const auto part = tokens.subspan(done, std::min(tokens.size() - done, static_cast<std::size_t>(block_tokens)));
      done += part.size();
      const view<float, 2> x = run(part);
      if (done == tokens.size()) project(x.rows(x.extent[0] - 1, 1), logits());
    }
    return {logits().data, static_cast<std::size_t>(Decoder::shape.vocabulary)};
  }

  /// The same, and writes the logits of every token to `out` [token, vocabulary].
  void read(std::span<const std::int32_t> tokens, view<float, 2> out) {
    check(tokens);
    if (out.extent[0] != static_cast<index_t>(tokens.size()) || out.extent[1] != Decoder::shape.vocabulary)
      throw error("[out] must be [tokens, vocabulary] = [", tokens.size(), ", ", Decoder::shape.vocabulary, "].");
    for (std::size_t done = 0; done < tokens.size();) {
      const auto part = tokens.subspan(done, std::min(tokens.size() - done, static_cast<std::size_t>(block_tokens)));
      project(run(part), out.rows(static_cast<index_t>(done), static_cast<index_t>(part.size())));
      done += part.size();
    }
  }

  /// Forgets all tokens from position `length` on.
  void truncate(index_t length) { length_ = std::clamp(length, index_t{0}, length_); }

 private:
  using facts = typename Decoder::facts;

  void check(std::span<const std::int32_t> tokens) const {
    if (tokens.empty()) throw error("a sequence was given no tokens to read. Fix: give at least one.");
    if (static_cast<index_t>(tokens.size()) > capacity_ - length_)
      throw error("the cache has room for ", capacity_, " tokens: ", length_, " are taken and ", tokens.size(), " more do not fit. Fix: a larger capacity or a shorter prompt.");
    for (const std::int32_t token : tokens)
      if (token < 0 || token >= Decoder::shape.vocabulary)
        throw error("token ", token, " is outside the vocabulary of ", Decoder::shape.vocabulary, ". Fix: use the tokenizer that belongs to this model.");
  }

  // The residual stream after all blocks, for one block of tokens.
  view<float, 2> run(std::span<const std::int32_t> tokens) {
    const auto& [machine, weights] = std::tie(model_->machine, model_->weights);
    float* arena = reinterpret_cast<float*>(arena_.data());
    const auto count = static_cast<index_t>(tokens.size());
    const view<float, 2> x = Decoder::activations.in(arena, Decoder::stream, count), normed = Decoder::activations.in(arena, Decoder::normed, count);
    const pass<Machine> now{.machine = machine, .first = length_, .tokens = count, .activations = arena + Decoder::layer_offset, .scratch = scratch_};

    embed(machine, weights.embedding, tokens.data(), x);
    facts::each_block([&]<class Block, std::size_t Run>(index_t i, index_t) {
      const auto at = static_cast<std::size_t>(i);
      Block::forward(now, std::get<Run>(weights.blocks)[at], std::get<Run>(state_)[at], normed, x, Decoder::shape.epsilon);
    });
    length_ += count;
    return x;
  }

  void project(view<float, 2> x, view<float, 2> out) {
    const auto& weights = model_->weights;
    rms_norm(model_->machine, x, weights.final_gain.data, Decoder::shape.epsilon, x);
    const product head[] = {{.weights = weights.head, .out = out}};
    matmul<Decoder::forms>(model_->machine, x, head, scratch_);
  }

  view<float, 2> logits() { return {reinterpret_cast<float*>(arena_.data()) + Decoder::logits_offset, 1, Decoder::shape.vocabulary}; }

  std::shared_ptr<const typename model<Decoder, Machine>::parts> model_;
  index_t capacity_, length_ = 0;
  buffer cache_, arena_;
  std::byte* scratch_ = nullptr;
  typename Decoder::template state<Machine> state_;
};

}  // namespace tenon
