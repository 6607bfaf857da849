#pragma once
// What scores learn on a GPU, from attend and attend_backward as they are called on a processor, against finite differences of the reference.

#include <tenon/kernels/launch/gpu/attend_backward_views.hpp>

#include "learned_operands.hpp"

namespace tenon::testing {

/// q, k, v and d_out as the words of a GPU multiply them.
inline backward_problem rounded_problem(heads shape, index_t queries, index_t keys, unsigned seed) {
  backward_problem p(shape, queries, keys, seed);
  for (auto* all : {&p.q, &p.k, &p.v, &p.d_out})
    for (float& x : *all) x = static_cast<float>(bf16(x));
  return p;
}

/// A learned operand, where its gradient goes, and how far that may be off.
struct learned_operand {
  std::span<float> values, found;
  double bound = 5e-3;
};

/// attend, where its results are needed, then attend_backward: dq, dk and dv, one behind the other. What policies learn is added to its places.
template <class Machine, class Mask, class Score, class Weighting>
std::vector<float> train_once(const Machine& machine, const backward_problem& p, const Mask& mask, const Score& score, const Weighting& weighting) {
  const heads& s = p.shape;
  std::vector<float> out(p.outputs()), sums(static_cast<std::size_t>(p.queries * s.query)), gradients(p.q.size() + p.k.size() + p.v.size(), std::numeric_limits<float>::quiet_NaN());
  const auto rows = [&](auto* x) { return view<std::remove_reference_t<decltype(*x)>, 4>(x, 1, p.queries, s.query, s.dim); };
  const auto cached = [&](auto* x) { return view<std::remove_reference_t<decltype(*x)>, 4>(x, 1, p.keys, s.kv, s.dim); };
  const view<float, 3> log_sum_exp(sums.data(), 1, p.queries, s.query);
  if constexpr (!requires { weighting.bias; })
    attend(machine, rows(p.q.data()), cached(p.k.data()), cached(p.v.data()), rows(out.data()), mask, score, weighting, fixed_split{}, log_sum_exp);
  float* const to = gradients.data();
  attend_backward(machine, {.q = rows(p.q.data()), .k = cached(p.k.data()), .v = cached(p.v.data()), .out = rows(out.data()), .log_sum_exp = log_sum_exp, .d_out = rows(p.d_out.data())},
                  attention_gradients{.q = rows(to), .k = cached(to + p.q.size()), .v = cached(to + p.q.size() + p.k.size())}, mask, score, weighting);
  return gradients;
}

/// What train_once and the operands of a problem should give.
struct learned_truth {
  std::vector<double> gradients;
  std::vector<std::vector<double>> slopes;

  template <class Mask, class Score, class Weighting>
  learned_truth(const backward_problem& p, const std::vector<learned_operand>& operands, const Mask& mask, const Score& score, const Weighting& weighting) {
    const wanted_gradients exact = reference_gradients(p, mask, score, weighting);
    for (const auto* part : {&exact.q, &exact.k, &exact.v}) gradients.insert(gradients.end(), part->begin(), part->end());
    for (const learned_operand& o : operands) slopes.push_back(slopes_of_loss(p, o.values, mask, score, weighting));
  }
};

/// Gradients of q, k and v against the reference, those of operands against differences, and the same bits on every run. on_machines(f) calls
/// f(machine) for each of one architecture after the other, first(machine) says where one begins.
template <class Mask, class Score, class Weighting>
void check_learned(const backward_problem& p, const std::vector<learned_operand>& operands, const Mask& mask, const Score& score, const Weighting& weighting, const auto& on_machines,
                   const auto& begins) {
  const learned_truth want(p, operands, mask, score, weighting);
  std::vector<float> first;
  on_machines([&](const auto& machine) {
    for (const learned_operand& o : operands) std::fill(o.found.begin(), o.found.end(), 0.0f);
    std::vector<float> all = train_once(machine, p, mask, score, weighting);
    CHECK(distance(all, want.gradients) <= 5e-3);
    for (std::size_t i = 0; i < operands.size(); ++i) {
      CAPTURE(i);
      CAPTURE(std::string(std::decay_t<decltype(machine)>::arch::name));
      CHECK(distance({operands[i].found.begin(), operands[i].found.end()}, want.slopes[i]) <= operands[i].bound);
    }
    for (const learned_operand& o : operands) all.insert(all.end(), o.found.begin(), o.found.end());
    if (begins(machine)) first = all;
    CHECK(first == all);
  });
}

/// Waves by distance, a cap, a bias by key and a task by query, each of which learns: operands and their gradients in arrays of Array<float>(count, name).
template <template <class> class Array>
struct learned_chain {
  Array<float> cosine, sine, keys, tasks, d_cosine, d_sine, d_keys, d_tasks;
  int heads, first_query;
  learned_chain(int head_count, index_t queries, index_t key_count)
      : cosine(count(head_count, 2), "cosine"), sine(count(head_count, 2), "sine"), keys(count(1, key_count), "keys"), tasks(count(head_count, queries), "tasks"), d_cosine(count(head_count, 2), "d_cosine"),
        d_sine(count(head_count, 2), "d_sine"), d_keys(count(1, key_count), "d_keys"), d_tasks(count(head_count, queries), "d_tasks"), heads(head_count), first_query(static_cast<int>(key_count - queries)) {
    unsigned seed = 1;
    for (auto* all : {&cosine, &sine, &keys, &tasks}) {
      const std::vector<float> drawn = numbers(all->size(), seed++);
      std::copy(drawn.begin(), drawn.end(), all->data());
    }
  }
  auto score() {
    return fourier{.cosine = cosine.data(), .sine = sine.data(), .terms = 2, .d_cosine = d_cosine.data(), .d_sine = d_sine.data()} >> soft_cap{.cap = 3.0f} >>
           key_bias{.values = keys.data(), .d_values = d_keys.data()} >> task{.values = tasks.data(), .heads = heads, .first_query = first_query, .d_values = d_tasks.data()};
  }
  std::vector<learned_operand> operands() {
    const auto of = [](Array<float>& values, Array<float>& found) { return learned_operand{{values.data(), values.size()}, {found.data(), found.size()}}; };
    return {of(cosine, d_cosine), of(sine, d_sine), of(keys, d_keys), of(tasks, d_tasks)};
  }

 private:
  static std::size_t count(index_t a, index_t b) { return static_cast<std::size_t>(a * b); }
};

}  // namespace tenon::testing
