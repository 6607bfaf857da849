// What models do row by row on a GPU, broken in every way that touches it, and each break caught.
#include "breaks.hpp"
#include "device_case.hpp"

#include <tenon/kernels/reference/norm.hpp>
#include <tenon/runtime/sampling.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

/// The simulated sm_80, whose launch functions run on a leaf that slips.
struct slipping : simulated<sm80> {
  using leaf = mutating_sm80;
  explicit slipping(const simulated<sm80>& of) : simulated<sm80>(of) {}
};

double distance_of_norm(const slipping& machine, index_t width_told) {
  constexpr index_t width = 1100;
  const auto x = noise(2 * width), gain = noise(width, 2);
  const device_numbers on_x(machine, x), on_gain(machine, gain);
  const device_numbers<slipping, float> out(machine, x.size());
  const auto exact = doubles(x), exact_gain = doubles(gain);
  std::vector<double> want(x.size());
  reference::rms_norm(view<const double, 2>(exact.data(), 2, width), exact_gain.data(), 1e-5, view<double, 2>(want.data(), 2, width));
  view<float, 2> in(on_x.data(), 2, width_told), to(out.data(), 2, width_told);
  in.stride[0] = to.stride[0] = width;
  rms_norm(machine, in, on_gain.data(), 1e-5f, to);
  return apart(out.host(), want) * 1e4;  // what is asked of a norm is that much more than of bf16
}

double distance_of_append(const slipping& machine, std::int32_t position) {
  constexpr index_t capacity = 4;
  const device_numbers<slipping, bf16> memory(machine, static_cast<std::size_t>(2 * capacity * 64));
  device_cache<1, 1, 64> cache{.data = reinterpret_cast<std::byte*>(memory.data()), .capacity = capacity};
  const auto k = noise(2 * 64, 7), v = noise(2 * 64, 8);
  const device_numbers on_k(machine, k), on_v(machine, v);
  const device_numbers place(machine, std::vector<std::int32_t>{position, position + 2});
  append(machine, cache, view<const float, 3>(on_k.data(), 2, 1, 64), view<const float, 3>(on_v.data(), 2, 1, 64), device_place{2, place.data()});
  double off = 0;
  for (index_t i = 0; i < 2 * 64; ++i) {
    off += cache.keys()[2 * 64 + i] == bf16(k[static_cast<std::size_t>(i)]) ? 0 : 1;
    off += cache.values()[2 * 64 + i] == bf16(v[static_cast<std::size_t>(i)]) ? 0 : 1;
  }
  return off;
}

// How many of three draws are not the processor's, where it keeps 40 logits and the kernel is told `k`.
double distance_of_draws(const slipping& machine, int k) {
  constexpr index_t count = 1300;
  const sampling how{.temperature = 1.5f, .top_k = k, .top_p = 0.9f, .min_p = 0.01f, .repetition_penalty = 1.3f, .seed = 3};
  auto logits = noise(count);
  for (float& x : logits) x = std::round(x * 4) / 4;
  logits[37] = 6;  // the largest, which the 10th thread sees
  const device_numbers<slipping, std::uint64_t> memory(machine, draws_bytes(machine, count) / 8);
  const std::int32_t recent[] = {37, 1299};
  draws* const on = begin_draws(machine, how, recent, 2, count, reinterpret_cast<std::byte*>(memory.data()));
  sampler right({.temperature = 1.5f, .top_k = 40, .top_p = 0.9f, .min_p = 0.01f, .repetition_penalty = 1.3f, .seed = 3}, count);
  std::vector<std::int32_t> said(recent, recent + 2);
  double off = 0;
  for (int i = 0; i < 3; ++i) {
    const device_numbers row(machine, logits);
    sample(machine, view<float, 2>(row.data(), 1, count), on);
    said.push_back(right(logits.data(), said));
    off += on->token == said.back() ? 0 : 1;
  }
  return off;
}

// How many slots of two blocks are not the processor's, the second over the end of the first, where keys are kept from 0.6 on and the kernel is told `threshold`.
double distance_of_kept(const slipping& machine, float threshold) {
  constexpr index_t capacity = 130, tokens = 70, first = 60;
  const auto gate = noise(tokens, 3), k = noise(tokens * 64, 4);
  const device_numbers on_gate(machine, gate), on_k(machine, k);
  const device_numbers<slipping, bf16> memory(machine, static_cast<std::size_t>(2 * capacity * 64));
  const device_numbers<slipping, std::uint64_t> beside(machine, kept_keys_bytes(machine, capacity) / 8);
  const kept_keys<slipping> list(machine, reinterpret_cast<std::byte*>(beside.data()), capacity);
  device_cache<1, 1, 64> cache{.data = reinterpret_cast<std::byte*>(memory.data()), .capacity = capacity};
  std::vector<std::int32_t> want;
  for (const index_t at : {index_t{0}, first}) {
    const device_numbers place(machine, std::vector<std::int32_t>{static_cast<std::int32_t>(at), static_cast<std::int32_t>(at + tokens)});
    const view<const float, 3> rows(on_k.data(), tokens, 1, 64);
    append_kept(machine, cache, list, view<const float, 2>(on_gate.data(), tokens, 1), threshold, rows, rows, device_place{at, place.data()});
    while (!want.empty() && want.back() >= at) want.pop_back();
    for (std::int32_t t = 0; t < tokens; ++t)
      if (logistic(gate[static_cast<std::size_t>(t)]) >= 0.6f) want.push_back(static_cast<std::int32_t>(at) + t);
  }
  double off = std::abs(static_cast<double>(list.tally->length) - static_cast<double>(want.size()));
  for (std::size_t i = 0; i < want.size(); ++i) {
    off += list.positions[i] == want[i] ? 0 : 1;
    const index_t from = want[i] >= first ? want[i] - first : want[i];
    for (index_t d = 0; d < 64; ++d) off += cache.keys()[index_t(i) * 64 + d] == bf16(k[static_cast<std::size_t>(from * 64 + d)]) ? 0 : 1;
  }
  return off;
}

// What heads of 0.3 and more give that are packed and brought home, where the kernel is told `threshold`: their own rows of q times their weights.
double distance_of_heads(const slipping& machine, float threshold) {
  constexpr index_t tokens = 150, dim = 64, most = 4 * tokens;  // more rows of a kv head than a block has threads
  constexpr int heads_of_q = 8, kv = 2;
  const auto weight = noise(tokens * heads_of_q, 11), q = noise(tokens * heads_of_q * dim, 12);
  const device_numbers on_weight(machine, weight), on_q(machine, q);
  const device_numbers length(machine, std::vector<std::int32_t>{200});
  const device_numbers<slipping, std::uint64_t> rows(machine, kv * most), offset(machine, kv), tally(machine, std::vector<std::uint64_t>(2 * kv));
  const device_numbers<slipping, std::int32_t> slots(machine, tokens * heads_of_q), counts(machine, kv), lengths(machine, kv);
  const device_numbers<slipping, bf16> packed(machine, kv * most * dim);
  const device_numbers<slipping, float> out(machine, q.size());
  using leaf = slipping::leaf;
  using choose = choose_heads_body<leaf>;
  machine.launch({kv, 1, 1}, {choose::threads}, choose::shared_bytes,
                 choose{on_weight.data(), heads_of_q, threshold, tokens, heads_of_q / kv, heads_of_q, length.data(),
                        {reinterpret_cast<row_origin*>(rows.data()), slots.data(), counts.data(), lengths.data(), reinterpret_cast<std::ptrdiff_t*>(offset.data()), most},
                        reinterpret_cast<heads_tally*>(tally.data())});
  machine.launch({tokens, 1, 1}, {gather_heads_body<leaf>::threads}, 0, gather_heads_body<leaf>{on_q.data(), heads_of_q * dim, packed.data(), slots.data(), heads_of_q, heads_of_q / kv, dim, most});
  std::vector<float> results;
  for (const bf16& x : packed.host()) results.push_back(static_cast<float>(x));
  const device_numbers on_results(machine, results);
  machine.launch({tokens, 1, 1}, {scatter_heads_body<leaf>::threads}, 0,
                 scatter_heads_body<leaf>{on_results.data(), on_weight.data(), heads_of_q, out.data(), heads_of_q * dim, slots.data(), heads_of_q, heads_of_q / kv, dim, most});
  std::vector<double> want;
  int taken = 0;
  for (std::size_t i = 0; i < q.size(); ++i) {
    const float by = weight[i / dim];
    want.push_back(by < 0.3f ? 0.0 : static_cast<double>(by * static_cast<float>(bf16(q[i]))));
    taken += i % dim == 0 && !(by < 0.3f) ? 1 : 0;
  }
  return apart(out.host(), want) * 1e4 + std::abs(counts.data()[0] + counts.data()[1] - taken);
}

// A number per head, and a mean over two blocks, the second of which is told that it begins at `second`.
double distance_of_sums(const slipping& machine, std::int32_t second) {
  constexpr index_t tokens = 5, width = 140;
  const auto x = noise(tokens * width, 13);
  const device_numbers on_x(machine, x), by(machine, std::vector<float>(x.begin(), x.begin() + width));
  const device_numbers<slipping, float> mean(machine, x.size()), dots(machine, 2 * tokens);
  const device_numbers<slipping, std::byte> memory(machine, running_mean_bytes(machine, width));
  running_mean<slipping> state(machine, memory.data(), width);
  const device_numbers places(machine, std::vector<std::int32_t>{0, tokens, second, second + static_cast<std::int32_t>(tokens)});
  for (const index_t block : {0, 1})
    follow_mean(machine, state, view<const float, 2>(on_x.data(), tokens, width), view<float, 2>(mean.data(), tokens, width), device_place{block * tokens, places.data() + 2 * block});
  dot_heads(machine, view<const float, 3>(on_x.data(), tokens, 2, width / 2), by.data(), 1.0f, view<float, 2>(dots.data(), tokens, 2));
  std::vector<double> want_mean, want_dots;
  for (index_t t = 0; t < tokens; ++t)
    for (index_t i = 0; i < width; ++i) {
      double all = 0, so_far = 0;
      for (index_t s = 0; s < tokens; ++s) all += static_cast<double>(x[static_cast<std::size_t>(s * width + i)]), so_far += s <= t ? static_cast<double>(x[static_cast<std::size_t>(s * width + i)]) : 0;
      want_mean.push_back((all + so_far) / static_cast<double>(tokens + t + 1));
      if (i % (width / 2) == 0) want_dots.push_back(0);
      want_dots.back() += static_cast<double>(x[static_cast<std::size_t>(t * width + i)]) * static_cast<double>(x[static_cast<std::size_t>(i)]);
    }
  return (apart(mean.host(), want_mean) + apart(dots.host(), want_dots)) * 1e3;
}

/// A kernel: its distance from what is right, which is none; the same where it is told something else; and its breaks.
struct kernel_row {
  using distance = double (*)(const slipping&);
  const char* says;
  distance right;
  std::vector<distance> told_wrong;
  std::vector<break_row> slips;
};

const kernel_row kernels[] = {
    {"a norm",
     [](const slipping& machine) { return distance_of_norm(machine, 1100); },
     {[](const slipping& machine) { return distance_of_norm(machine, 1099); }},
     {{"the barrier left out", {drop_barrier, 0}},
      {"the shuffle of 16 left out", {skip_shuffle, 16}},
      {"the shuffle of 1 left out", {skip_shuffle, 1}},
      {"a shuffle that one lane does not reach", {one_lane_leaves}},
      {"results stored one access further", {store_elsewhere}}}},
    {"appending",
     [](const slipping& machine) { return distance_of_append(machine, 2); },
     {[](const slipping& machine) { return distance_of_append(machine, 1); }, [](const slipping& machine) { return distance_of_append(machine, 3); }},
     {{"numbers packed the wrong way round", {swap_packed}}, {"numbers rounded towards zero", {truncate_packed}}, {"keys stored one access further", {store_elsewhere}}}},
    {"keeping keys",
     [](const slipping& machine) { return distance_of_kept(machine, 0.6f); },
     {[](const slipping& machine) { return distance_of_kept(machine, 0.5f); }},
     {{"the barrier left out", {drop_barrier, 0}},
      {"shuffles of counts left out", {skip_packed_shuffle}},
      {"results stored one access further", {store_elsewhere}},
      {"stores elsewhere in shared memory", {store_shared_elsewhere}}}},
    {"choosing heads",
     [](const slipping& machine) { return distance_of_heads(machine, 0.3f); },
     {[](const slipping& machine) { return distance_of_heads(machine, 0.2f); }},
     {{"the 1st barrier left out", {drop_barrier, 0}},
      {"the 2nd barrier left out", {drop_barrier, 1}},
      {"shuffles of counts left out", {skip_packed_shuffle}},
      {"rows packed the wrong way round", {swap_packed}},
      {"results stored one access further", {store_elsewhere}},
      {"stores elsewhere in shared memory", {store_shared_elsewhere}}}},
    {"means and numbers per head",
     [](const slipping& machine) { return distance_of_sums(machine, 5); },
     {[](const slipping& machine) { return distance_of_sums(machine, 6); }},
     {{"the barrier left out", {drop_barrier, 0}},
      {"the shuffle of 16 left out", {skip_shuffle, 16}},
      {"the shuffle of 1 left out", {skip_shuffle, 1}},
      {"a shuffle that one lane does not reach", {one_lane_leaves}},
      {"results stored one access further", {store_elsewhere}}}},
    {"drawing a token",
     [](const slipping& machine) { return distance_of_draws(machine, 40); },
     {[](const slipping& machine) { return distance_of_draws(machine, 2); }},
     {{"the 1st barrier left out", {drop_barrier, 0}},
      {"the 20th barrier left out", {drop_barrier, 19}},
      {"the 60th barrier left out", {drop_barrier, 59}},
      {"shuffles of counts left out", {skip_packed_shuffle}},
      {"the shuffle of 8 left out", {skip_shuffle, 8}},
      {"a shuffle that one lane does not reach", {one_lane_leaves}},
      {"results stored one access further", {store_elsewhere}},
      {"a barrier left out by one warp", {drop_barrier_once, 30}}}},
};

TEST_CASE("every break of what is done row by row shows") {
  for (const kernel_row& kernel : kernels) {
    CAPTURE(std::string(kernel.says));
    const auto run = [](slip wrong, kernel_row::distance distance) { return caught_by<sm80>(wrong, [&](const auto& machine) { return distance(slipping(machine)); }); };
    REQUIRE(run({}, kernel.right).empty());
    require_caught(kernel.slips, [&](const break_row& row) { return run(row.wrong, kernel.right); });
    for (const auto told : kernel.told_wrong) CHECK(!run({}, told).empty());
  }
}

}  // namespace
