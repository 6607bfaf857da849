#pragma once
// One sequence of tokens in the course of being read or written: its cache, its arena, and the forward pass over both.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <tuple>
#include <utility>

#include <tenon/core/memory.hpp>
#include <tenon/kernels/launch/embed.hpp>
#include <tenon/model/attention/skipped.hpp>
#include <tenon/model/own_memory.hpp>

namespace tenon {

template <class Decoder, class Machine>
class model;

/// A sequence over a model. Sequences of one model are independent and may run in different threads at once; one sequence
/// belongs to one thread at a time. `Memory` is where the cache lies: memory of its own, or pages that many sequences share
/// (runtime/paged_memory.hpp). But for pages, memory is taken here, never while running.
template <class Decoder, class Machine, class Memory = own_memory<Decoder, Machine>>
class sequence {
 public:
  using decoder_type = Decoder;
  /// Whether the machine draws tokens where its logits lie.
  static constexpr bool draws_tokens = requires(const Machine& machine, view<float, 2> row, draws* to) { sample(machine, row, to); };

  /// Room for a number of tokens, or a pool of pages. The model's weights are kept alive. Throws tenon::error when memory is short.
  sequence(const model<Decoder, Machine>& owner, typename Memory::source from) : sequence(owner.share(), Memory(owner.share()->machine, from), 0) {}

  index_t length() const { return length_; }
  /// The most tokens that it can come to hold as things stand.
  index_t capacity() const { return memory_.capacity(length_); }
  /// Bytes of the cache and of the arena, for reports.
  std::size_t memory() const { return memory_.bytes() + arena_.size(); }

  /// What the layers that skip work have not done so far, all layers together.
  skipped_work skipped() const {
    skipped_work total;
    await(model_->machine);
    facts::each_block([&]<class, std::size_t Run>(index_t i, index_t) {
      std::apply([&](const auto&... state) { ((total += skipped_of(state)), ...); }, std::get<Run>(memory_.held())[static_cast<std::size_t>(i)]);
    });
    return total;
  }

  /// Reads `tokens` after what was read before; returns the logits [vocabulary] of the last one, valid until the next call.
  /// Throws tenon::error for no tokens, a token outside the vocabulary, or more tokens than the cache has room for.
  std::span<const float> read(std::span<const std::int32_t> tokens) {
    pass_through(tokens, step_, [](const Machine&) {});
    return {logits().data, static_cast<std::size_t>(Decoder::shape.vocabulary)};
  }

  /// The same, and writes the logits of every token to `out` [token, vocabulary].
  void read(std::span<const std::int32_t> tokens, view<float, 2> out) {
    if (out.extent[0] != static_cast<index_t>(tokens.size()) || out.extent[1] != Decoder::shape.vocabulary)
      throw error("[out] must be [tokens, vocabulary] = [", tokens.size(), ", ", Decoder::shape.vocabulary, "].");
    admit(tokens);
    for (std::size_t done = 0; done < tokens.size();) {
      const auto part = tokens.subspan(done, std::min(tokens.size() - done, static_cast<std::size_t>(block_tokens)));
      const results_on<Machine> to(model_->machine, out.rows(static_cast<index_t>(done), static_cast<index_t>(part.size())));
      walk(part, once, [&](const Machine& machine, view<float, 2> x) { project(machine, x, to.rows); });
      to.collect();
      done += part.size();
    }
    memory_.truncate(length_);
  }

  /// On a GPU: `next` draws as `how` says from now on, and the penalty looks at `recent` and at what is drawn. Throws tenon::error for values
  /// outside the ranges of `sampling`.
  void draw_as(const sampling& how, std::span<const std::int32_t> recent)
    requires draws_tokens
  {
    await(model_->machine);
    draws_ = begin_draws(model_->machine, how, recent.data(), static_cast<index_t>(recent.size()), Decoder::shape.vocabulary, drawn_);
  }
  /// Reads `tokens` and draws the one after them, which alone comes back; or says why there is none (kernels/shared/choice.hpp). After draw_as.
  std::int32_t next(std::span<const std::int32_t> tokens)
    requires draws_tokens
  {
    if (draws_ == nullptr) draw_as({}, {});
    pass_through(tokens, drawing_step_, [this](const Machine& machine) { sample(machine, logits(), draws_); });
    return draws_->token;
  }

  /// Forgets all tokens from position `length` on.
  void truncate(index_t length) {
    length_ = std::clamp(length, index_t{0}, length_);
    memory_.truncate(length_);
  }

  /// Another sequence that has read the first `length` tokens of this one, or all. The two share the pages that hold them, and
  /// part where one of them writes. Throws tenon::error when memory is short.
  sequence fork(index_t length) const
    requires requires(const Memory& m) { m.fork(length); }
  {
    length = std::clamp(length, index_t{0}, length_);
    return sequence(model_, memory_.fork(length), length);
  }
  sequence fork() const
    requires requires(const Memory& m) { m.fork(index_t{}); }
  {
    return fork(length_);
  }

 private:
  using parts = typename model<Decoder, Machine>::parts;

  sequence(std::shared_ptr<const parts> owner, Memory memory, index_t length) : model_(std::move(owner)), length_(length), memory_(std::move(memory)) {
    const Machine& machine = model_->machine;
    std::size_t scratch_bytes = matmul_scratch(machine, block_tokens, Decoder::shape.width);
    facts::each_block([&]<class Block, std::size_t>(index_t, index_t) { scratch_bytes = std::max(scratch_bytes, Block::scratch_bytes(machine, memory_.most())); });
    const std::size_t arena_bytes = round_up(static_cast<std::size_t>(Decoder::arena_floats) * sizeof(float), 64);
    const std::size_t told_bytes = announcement_bytes(machine, block_tokens);
    const std::size_t drawn_bytes = draws_bytes(machine, Decoder::shape.vocabulary);
    arena_ = allocate(machine, arena_bytes + told_bytes + drawn_bytes + scratch_bytes, "the activations");
    told_ = arena_.data() + arena_bytes, drawn_ = told_ + told_bytes, scratch_ = drawn_ + drawn_bytes;
  }
  using facts = typename Decoder::facts;

  // Checks the tokens, and makes room for all of them.
  void admit(std::span<const std::int32_t> tokens) {
    if (tokens.empty()) throw error("a sequence was given no tokens to read. Fix: give at least one.");
    for (const std::int32_t token : tokens)
      if (token < 0 || token >= Decoder::shape.vocabulary)
        throw error("token ", token, " is outside the vocabulary of ", Decoder::shape.vocabulary, ". Fix: use the tokenizer that belongs to this model.");
    memory_.extend(length_, static_cast<index_t>(tokens.size()));
  }

  static constexpr auto once = [](const Machine& machine, index_t, auto&& f) { f(machine); };

  // Tokens through the model, then finish(machine) over the logits of the last, which are there when this returns.
  template <class Finish>
  void pass_through(std::span<const std::int32_t> tokens, repeated_on<Machine>& step, Finish&& finish) {
    admit(tokens);
    for (std::size_t done = 0; done < tokens.size();) {
      const auto part = tokens.subspan(done, std::min(tokens.size() - done, static_cast<std::size_t>(block_tokens)));
      done += part.size();
      const auto last = [&](const Machine& machine, view<float, 2> x) {
        project(machine, x.rows(x.extent[0] - 1, 1), logits());
        finish(machine);
      };
      if (done < tokens.size())
        walk(part, once, [](const Machine&, view<float, 2>) {});
      else if (part.size() == 1 && !facts::looks_ahead)
        walk(part, step, last);
      else
        walk(part, once, last);
    }
    await(model_->machine);
    memory_.truncate(length_);  // there was room for all that layers may keep: what they did not is given back
  }

  // One block of tokens through all layers, then finish(machine, the residual stream). how(machine, reach, f) calls f(machine), or repeats what
  // f did when it was called last: launches over the same memory, which do not depend on the tokens or on how many there are up to `reach`.
  template <class How, class Finish>
  void walk(std::span<const std::int32_t> tokens, How&& how, Finish&& finish) {
    const auto count = static_cast<index_t>(tokens.size());
    auto& states = memory_.held();
    const announcement<Machine> told = announce(model_->machine, tokens.data(), count, length_, told_);
    how(model_->machine, reach_on(model_->machine, length_ + count, memory_.most()), [&](const Machine& owner) {
      const typename Memory::layers_on& machine = owner;  // itself, or one that knows of pages
      const auto& weights = model_->weights;
      float* arena = reinterpret_cast<float*>(arena_.data());
      const view<float, 2> x = Decoder::activations.in(arena, Decoder::stream, count), normed = Decoder::activations.in(arena, Decoder::normed, count);
      const pass<typename Memory::layers_on> now{.machine = machine, .first = told.first, .tokens = count, .activations = arena + Decoder::layer_offset, .scratch = scratch_};
      embed(machine, weights.embedding, told.tokens, x);
      facts::each_block([&]<class Block, std::size_t Run>(index_t i, index_t) {
        const auto at = static_cast<std::size_t>(i);
        Block::forward(now, std::get<Run>(weights.blocks)[at], std::get<Run>(states)[at], normed, x, Decoder::shape.epsilon);
      });
      finish(owner, x);
    });
    length_ += count;
  }

  void project(const Machine& machine, view<float, 2> x, view<float, 2> out) {
    const auto& weights = model_->weights;
    rms_norm(machine, x, weights.final_gain.data, Decoder::shape.epsilon, x);
    const product head[] = {{.weights = weights.head, .out = out}};
    matmul<Decoder::forms>(machine, x, head, scratch_);
  }

  view<float, 2> logits() { return {reinterpret_cast<float*>(arena_.data()) + Decoder::logits_offset, 1, Decoder::shape.vocabulary}; }

  std::shared_ptr<const parts> model_;
  index_t length_;
  Memory memory_;
  typename memory_on<Machine>::type arena_;
  std::byte *told_ = nullptr, *drawn_ = nullptr, *scratch_ = nullptr;
  draws* draws_ = nullptr;  // in drawn_, once it was said how
  repeated_on<Machine> step_, drawing_step_;
};

}  // namespace tenon
