// Products as models call them on a GPU, executed on both architectures: several of one x, in every storage, biases, onto what is there, gated;
// few tokens, which take operands as they are, and more, which round them to bf16, or to numbers of 8 bits.
#include "device_case.hpp"

#include <tenon/kernels/launch/gpu/embed.hpp>
#include <tenon/kernels/reference/gate.hpp>

#include "../parity/matmul_cases.hpp"
#include "products_numbers.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

// A random matrix as a file has it, and packed in memory of a machine.
template <class Machine>
struct weights {
  std::mt19937 random;
  matmul_cases::matrix of;
  typename memory_on<Machine>::type memory;
  packed_matrix packed;
  weights(const Machine& machine, storage kind, index_t rows, index_t depth, unsigned seed)
      : random(seed), of(kind, rows, depth, random), memory(allocate(machine, packed_bytes(machine, kind, compute::bf16, rows, depth), "weights", memory_use::constants)),
        packed(pack(machine, of.stored, compute::bf16, memory.data())) {}
  std::vector<double> times(const std::vector<float>& x, index_t tokens, const float* bias = nullptr) const {
    const bool few = tokens <= tuning::few_tokens;
    const auto rounded = [](float value) { return static_cast<double>(static_cast<float>(bf16(value))); };
    const auto rows = of.stored.rows, depth = of.stored.columns;
    std::vector<double> out(static_cast<std::size_t>(tokens * rows));
    std::vector<float> row(static_cast<std::size_t>(depth));
    for (index_t r = 0; r < rows; ++r) {
      of.stored.decode_row(r, row.data());
      for (index_t t = 0; t < tokens; ++t) {
        double sum = bias == nullptr ? 0.0 : static_cast<double>(bias[r]);
        for (index_t k = 0; k < depth; ++k) {
          const float w = row[static_cast<std::size_t>(k)], value = x[static_cast<std::size_t>(t * depth + k)];
          sum += (few ? static_cast<double>(value) : rounded(value)) * (few && packed.kind != storage::bf16 ? static_cast<double>(w) : rounded(w));
        }
        out[static_cast<std::size_t>(t * rows + r)] = sum;
      }
    }
    return out;
  }
};

TEST_CASE("products of one x: every storage, a bias, a sum, depths that end anywhere") {
  on_simulated_gpus([](const auto& machine) {
    using machine_type = std::remove_cvref_t<decltype(machine)>;
    const struct {
      index_t tokens, depth;
      storage a, b;
    } cases[] = {{1, 61, storage::f32, storage::e4m3}, {3, 288, storage::q8_0, storage::f16},   {130, 64, storage::bf16, storage::q4_0},
                 {9, 96, storage::q4_1, storage::i8},   {10, 256, storage::q6_k, storage::q4_k}, {2, 512, storage::q4_k, storage::q6_k}};
    for (const auto& [tokens, depth, kind_a, kind_b] : cases) {
      CAPTURE(std::string(name(kind_a)));
      const weights<machine_type> a(machine, kind_a, 40, depth, 1), b(machine, kind_b, 132, depth, 2);
      const auto x = noise(tokens * depth, 3), bias = noise(40, 4), before = noise(tokens * 132, 5);
      const device_numbers on_x(machine, x), on_bias(machine, bias), sum(machine, before);
      const device_numbers<machine_type, float> out(machine, static_cast<std::size_t>(tokens * 40));
      const device_numbers<machine_type, std::byte> scratch(machine, matmul_scratch(machine, tokens, depth));
      const product two[] = {{.weights = a.packed, .out = view<float, 2>(out.data(), tokens, 40), .bias = on_bias.data()},
                             {.weights = b.packed, .out = view<float, 2>(sum.data(), tokens, 132), .how = finish::add}};
      matmul(machine, view<const float, 2>(on_x.data(), tokens, depth), two, scratch.data());
      CHECK(apart(out.host(), a.times(x, tokens, bias.data())) < 2e-5);
      auto want = b.times(x, tokens);
      for (std::size_t i = 0; i < want.size(); ++i) want[i] += static_cast<double>(before[i]);
      CHECK(apart(sum.host(), want) < 2e-5);
    }
  });
}

TEST_CASE("a gated product, wider and narrower than its depth, of one storage and of two") {
  on_simulated_gpus([](const auto& machine) {
    using machine_type = std::remove_cvref_t<decltype(machine)>;
    const struct {
      index_t tokens, hidden, depth;
      storage gate, up;
    } cases[] = {{1, 100, 64, storage::q8_0, storage::q8_0}, {5, 36, 72, storage::f32, storage::f32}, {12, 150, 256, storage::q4_k, storage::q4_k},
                 {12, 40, 256, storage::q4_k, storage::q6_k}, {12, 20, 80, storage::bf16, storage::bf16}, {140, 150, 72, storage::f16, storage::bf16}};
    for (const auto& [tokens, hidden, depth, kind_gate, kind_up] : cases) {
      CAPTURE(std::string(name(kind_gate)));
      const weights<machine_type> gate(machine, kind_gate, hidden, depth, 1), up(machine, kind_up, hidden, depth, 2);
      const auto x = noise(tokens * depth, 3);
      const device_numbers on_x(machine, x);
      const device_numbers<machine_type, float> out(machine, static_cast<std::size_t>(tokens * hidden));
      const device_numbers<machine_type, std::byte> scratch(machine, matmul_scratch(machine, tokens, depth > hidden ? depth : hidden));
      gated_matmul(machine, view<const float, 2>(on_x.data(), tokens, depth), gate.packed, up.packed, swiglu{}, view<float, 2>(out.data(), tokens, hidden), scratch.data());
      const auto opening = gate.times(x, tokens), opened = up.times(x, tokens);
      std::vector<double> want(opened.size());
      reference::open_gate(swiglu{}, view<const double, 2>(opening.data(), tokens, hidden), view<const double, 2>(opened.data(), tokens, hidden), view<double, 2>(want.data(), tokens, hidden));
      CHECK(apart(out.host(), want) < 2e-5);
      if (machine_type::leaf::lanes == 32) CHECK(machine.report().bank_conflicts == 0);
    }
  });
}

TEST_CASE("rows of a packed head are embeddings, in every storage") {
  on_simulated_gpus([](const auto& machine) {
    using machine_type = std::remove_cvref_t<decltype(machine)>;
    for (const storage kind : every_storage) {
      CAPTURE(std::string(name(kind)));
      const index_t rows = 37, width = block_values(kind) == 1 ? 101 : 2 * block_values(kind);
      const weights<machine_type> w(machine, kind, rows, width, 4);
      const std::vector<std::int32_t> chosen{0, 36, 17, 16, 15};
      const device_numbers tokens(machine, chosen);
      const device_numbers<machine_type, float> out(machine, chosen.size() * static_cast<std::size_t>(width));
      embed(machine, lookup_table(machine, w.of.stored, &w.packed, nullptr), tokens.data(), view<float, 2>(out.data(), 5, width));
      std::vector<double> want;
      std::vector<float> row(static_cast<std::size_t>(width));
      for (const std::int32_t token : chosen) {
        w.of.stored.decode_row(token, row.data());
        for (const float value : row) want.push_back(static_cast<double>(w.packed.kind == storage::bf16 ? static_cast<float>(bf16(value)) : value));
      }
      CHECK(apart(out.host(), want) < 2e-6);
    }
  });
}

TEST_CASE("a token has the same bits in every call of few, and in every call of many") {
  on_simulated_gpus([](const auto& machine) {
    using machine_type = std::remove_cvref_t<decltype(machine)>;
    constexpr index_t depth = 320, rows = 40, most = 140;
    const weights<machine_type> w(machine, storage::q4_0, rows, depth, 1);
    const auto x = noise(most * depth, 3);
    const device_numbers on_x(machine, x);
    const device_numbers<machine_type, std::byte> scratch(machine, matmul_scratch(machine, most, depth));
    const auto last_of = [&](index_t first, index_t tokens) {
      const device_numbers<machine_type, float> out(machine, static_cast<std::size_t>(tokens * rows));
      const product one[] = {{.weights = w.packed, .out = view<float, 2>(out.data(), tokens, rows)}};
      matmul(machine, view<const float, 2>(on_x.data() + first * depth, tokens, depth), one, scratch.data());
      const auto all = out.host();
      return std::vector<float>(all.end() - rows, all.end());
    };
    CHECK(last_of(139, 1) == last_of(134, 6));
    CHECK(last_of(0, 140) == last_of(130, 10));
  });
}

TEST_CASE("shapes that do not fit are refused") {
  const simulated<sm80> machine;
  const weights<simulated<sm80>> w(machine, storage::f32, 8, 16, 1);
  const device_numbers<simulated<sm80>, float> x(machine, 16), out(machine, 16);
  const product wrong[] = {{.weights = w.packed, .out = view<float, 2>(out.data(), 1, 9)}};
  const product apart_from_16[] = {{.weights = w.packed, .out = view<float, 2>(out.data() + 1, 1, 8)}};
  const view<const float, 2> in(x.data(), 1, 16);
  CHECK_THROWS_WITH_AS(matmul(machine, in, wrong, nullptr), doctest::Contains("[matmul] out is [1, 9]"), error);
  const device_numbers<simulated<sm80>, std::byte> scratch(machine, matmul_scratch(machine, 1, 16));
  CHECK_THROWS_WITH_AS(matmul(machine, in, apart_from_16, scratch.data()), doctest::Contains("multiple of 16 bytes"), error);
}

TEST_CASE("numbers of 8 bits: weights stored as i8, and where the machine multiplies e4m3 as that or as floats; with a scale per row, finer ones, none") {
  on_simulated_gpus([]<class Machine>(const Machine& machine) {
    check_products_of_8_bits<std::int8_t>(machine), check_gates_of_8_bits<std::int8_t>(machine);
    if constexpr (multiplies_e4m3<Machine>) check_products_of_8_bits<e4m3>(machine), check_gates_of_8_bits<e4m3>(machine);
  });
}

TEST_CASE("a token has the same bits in every call of many; zeros, infinities and NaN stay with their token") {
  on_simulated_gpus([](const auto& machine) {
    using machine_type = std::remove_cvref_t<decltype(machine)>;
    constexpr index_t depth = 150, rows = 20, most = 140;
    const stored_weights<machine_type> w(machine, storage::i8, compute::int8, rows, depth, depth, 1), v(machine, storage::f32, multiplies_e4m3<machine_type> ? compute::e4m3 : compute::bf16, rows, depth, 0, 1);
    auto x = noise(most * depth, 3);
    const auto spoil = [&](index_t token, float value) { x[static_cast<std::size_t>(token * depth + 7)] = value; };
    std::fill(x.begin() + depth, x.begin() + 2 * depth, 0.0f);
    spoil(2, std::numeric_limits<float>::quiet_NaN()), spoil(3, -std::numeric_limits<float>::infinity());
    const device_numbers on_x(machine, x);
    const device_numbers<machine_type, std::byte> scratch(machine, matmul_scratch(machine, most, depth));
    for (const packed_matrix& packed : {w.packed, v.packed}) {
      const auto call = [&](index_t first, index_t tokens) {
        const device_numbers<machine_type, float> out(machine, static_cast<std::size_t>(tokens * rows));
        const product one[] = {{.weights = packed, .out = view<float, 2>(out.data(), tokens, rows)}};
        matmul(machine, view<const float, 2>(on_x.data() + first * depth, tokens, depth), one, scratch.data());
        return out.host();
      };
      const auto all = call(0, most), last = call(most - 9, 9);
      CHECK(std::equal(last.begin(), last.end(), all.end() - 9 * rows));
      for (index_t t = 0; t < 5; ++t)
        for (index_t r = 0; r < rows; ++r) {
          const float value = all[static_cast<std::size_t>(t * rows + r)];
          CHECK((t == 1 ? value == 0 : std::isfinite(value) == (t != 2 && t != 3)));
        }
    }
  });
}

TEST_CASE("a head of 8 bits has a table of its own") {
  on_simulated_gpus([](const auto& machine) {
    using machine_type = std::remove_cvref_t<decltype(machine)>;
    const stored_weights<machine_type> head(machine, storage::i8, compute::int8, 12, 100, 100, 1);
    const auto table = allocate(machine, lookup_bytes(machine, head.stored, &head.packed), "a table", memory_use::constants);
    const device_numbers tokens(machine, std::vector<std::int32_t>{3, 11});
    const device_numbers<machine_type, float> out(machine, 200);
    embed(machine, lookup_table(machine, head.stored, &head.packed, table.data()), tokens.data(), view<float, 2>(out.data(), 2, 100));
    std::vector<float> rows(200);
    head.stored.decode_row(3, rows.data()), head.stored.decode_row(11, rows.data() + 100);
    CHECK(apart(out.host(), doubles(rows)) < 2e-6);
  });
}

TEST_CASE("e4m3 is refused where there is no instruction, and arithmetic that a call was not compiled for") {
  const auto numbers = noise(64);
  const stored_matrix stored{.rows = 4, .columns = 16, .bytes = reinterpret_cast<const std::byte*>(numbers.data())};
  alignas(64) std::byte memory[1024];
  CHECK_THROWS_WITH_AS(pack(simulated<sm80>(), stored, compute::e4m3, memory),
                       "[compute] is e4m3, for which sm_80 has no instruction. Fix: compute::bf16, or a GPU that multiplies e4m3: sm_89 or newer, gfx942 or gfx1201.", error);
  CHECK_THROWS_WITH_AS(pack(cpu(), stored, compute::e4m3, memory), "[compute] is e4m3, for which processors have no instruction. Fix: compute::bf16, or a GPU that multiplies e4m3.", error);
  const packed_matrix other{storage::i8, compute::int8, 4, 16, memory, packed_as::rows_of_8_bits};
  float out[16];
  const product one[] = {{.weights = other, .out = view<float, 2>(out, 1, 4)}};
  CHECK_THROWS_WITH_AS(matmul<set_of(form::plain)>(simulated<sm80>(), view<const float, 2>(numbers.data(), 1, 16), one, nullptr), doctest::Contains("compiled without the arithmetic"), error);
}

}  // namespace
