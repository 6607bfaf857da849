// The kernels that work row by row: bound by memory where the rows come from it, by the exponential where they do not.

#include <memory>
#include <string>
#include <vector>

#include <tenon/bench.hpp>
#include <tenon/kernels/launch/gate.hpp>
#include <tenon/kernels/launch/norm.hpp>
#include <tenon/kernels/launch/rotary.hpp>

namespace {

using namespace tenon;

// Two operands and a result of [tokens, width].
struct rows {
  rows(index_t token_count, index_t row_width) : tokens(token_count), width(row_width), floats(static_cast<std::size_t>(3 * tokens * width), 0.5f) {}
  view<float, 2> part(index_t which) { return {floats.data() + which * tokens * width, tokens, width}; }
  double values() const { return static_cast<double>(tokens * width); }
  index_t tokens, width;
  std::vector<float> floats;
};

void add_all(const cpu& machine, index_t tokens, index_t width) {
  const auto data = std::make_shared<rows>(tokens, width);
  const auto gain = std::make_shared<std::vector<float>>(static_cast<std::size_t>(width), 1.0f);
  const double n = data->values();
  const bool cached = 3 * n * sizeof(float) < 1 << 20;
  const auto named = [&](const char* what) { return std::string(what) + "/" + std::to_string(tokens) + "x" + std::to_string(width); };
  const auto moved = [&](double bytes_per_value) { return cached ? 0 : bytes_per_value * n; };

  bench::add(named("rms_norm"), machine, {.operations = 4 * n, .bytes = moved(8)}, [=] { rms_norm(machine, data->part(0), gain->data(), 1e-5f, data->part(1)); });
  bench::add(named("add_rms_norm"), machine, {.operations = 5 * n, .bytes = moved(16)},
             [=] { add_rms_norm(machine, data->part(0), data->part(1), gain->data(), 1e-5f, data->part(2)); });
  bench::add(named("swiglu"), machine, {.operations = 24 * n, .bytes = moved(12)}, [=] { open_gate(machine, silu{}, data->part(0), data->part(1), data->part(2)); });
  bench::add(named("gelu"), machine, {.operations = 60 * n, .bytes = moved(12)}, [=] { open_gate(machine, gelu{}, data->part(0), data->part(1), data->part(2)); });
  constexpr index_t dim = 64;
  bench::add(named("rotate"), machine, {.operations = 3 * n, .bytes = moved(8)},
             [=] { rotate(machine, rotary{.theta = 1e5f, .pairing = halves}, view<float, 3>(data->floats.data(), tokens, width / dim, dim), 1000); });
}

}  // namespace

int main(int count, char** words) {
  const int all = cpu().threads();
  for (const int threads : {1, all}) {
    add_all(cpu({.threads = threads}), 1, 4096);
    add_all(cpu({.threads = threads}), 512, 576);
    add_all(cpu({.threads = threads}), 512, 8960);
    if (all == 1) break;
  }
  return bench::run(count, words);
}
