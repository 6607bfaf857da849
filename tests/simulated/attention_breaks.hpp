#pragma once
// Breaks the attention kernel of an architecture in one place at a time, below unchanged words or in what the kernel is given, and requires every
// break to show: as a fault of the report, as a bank conflict, or as a wrong result.

#include <span>

#include "attention_case.hpp"
#include "breaks.hpp"
#include "machines.hpp"

namespace tenon::testing {

struct windowed_problem {
  using mask = window;  // its width is an operand: one off is a mask one off
  using score = scaled;
  using weighting = softmax;
  using out = bf16;
  static constexpr int dim = 64, group = 1;
};

/// `own`: breaks that only this architecture can have.
template <class Arch>
void check_attention_breaks(std::span<const break_row> own) {
  using kernels = kernels_of<Arch>;
  using leaf = typename kernels::broken;
  using words = typename kernels::template attention<leaf, windowed_problem>;
  using arguments = attention_arguments<windowed_problem>;
  using enum mutation;
  // 40 queries of 150 keys: three blocks of keys, the last ragged, rows beyond the last.
  attention_case<windowed_problem> c{{1, 1, 1, 40, 150}, {.width = 70}};
  const std::vector<double> want = c.reference();
  const break_row slips[] = {
      {"sums exchanged in a late product", {swap_sums, kernels::late_product}},
      {"sums begun anew in a late product", {first_for_all, kernels::late_product}},
      {"the shuffle left out", {skip_shuffle, kernels::shuffled}},
      {"the shuffle with the wrong lane", {wrong_shuffle, kernels::shuffled}},
  };
  const change_row<arguments> changes[] = {
      {"16 bytes of shared memory too few", 16, [](arguments&) {}},
      {"a mask one key too wide", 0, [](arguments& a) { ++a.mask.width; }},
      {"a mask one key too narrow", 0, [](arguments& a) { --a.mask.width; }},
      {"a key too few", 0, [](arguments& a) { --a.length; }},
      {"a key too many", 0, [](arguments& a) { ++a.length; }},
      {"a query too many", 0, [](arguments& a) { ++a.queries; }},
      {"the wrong stride of q", 0, [](arguments& a) { a.q_query += 8; }},
      {"the wrong scale", 0, [](arguments& a) { a.score.factor = 0.12f; }},
  };
  constexpr std::size_t copies = std::is_same_v<Arch, sm80> ? std::size(slips_of_copies) : 0;
  require_breaks_caught<Arch, leaf, words>(c, [&] { return c.distance(want); }, changes, slips_anywhere, slips, std::span(slips_of_copies).first(copies), own);
}

}  // namespace tenon::testing
