// embed against the rows as stored_matrix decodes them.

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/launch/embed.hpp>

namespace {

using namespace tenon;

TEST_CASE("embed decodes the rows of the tokens, from floats and from blocks") {
  const index_t rows = 50, width = 64;
  std::vector<std::byte> file(static_cast<std::size_t>(rows) * row_bytes(storage::f32, width));
  for (std::size_t i = 0; i < file.size(); ++i) file[i] = static_cast<std::byte>((i * 37 + i / 7) & 0x3f);
  const std::vector<std::int32_t> tokens = {3, 0, 49, 3, 17, 17};
  for (const storage kind : {storage::f32, storage::bf16, storage::q8_0, storage::q4_1})
    for (const int threads : {1, 2}) {
      const stored_matrix table{.kind = kind, .rows = rows, .columns = width, .bytes = file.data()};
      std::vector<float> out(tokens.size() * static_cast<std::size_t>(width)), want(static_cast<std::size_t>(width));
      embed(cpu{cpu_options{.threads = threads}}, table, tokens.data(), view<float, 2>(out.data(), static_cast<index_t>(tokens.size()), width));
      for (std::size_t t = 0; t < tokens.size(); ++t) {
        table.decode_row(tokens[t], want.data());
        CHECK(std::memcmp(want.data(), out.data() + t * static_cast<std::size_t>(width), sizeof(float) * want.size()) == 0);
      }
    }
}

TEST_CASE("a token outside the vocabulary is refused by name") {
  std::vector<float> file(4 * 8), out(8);
  const stored_matrix table{.kind = storage::f32, .rows = 4, .columns = 8, .bytes = reinterpret_cast<const std::byte*>(file.data())};
  const std::int32_t beyond = 4, below = -1;
  CHECK_THROWS_WITH_AS(embed(cpu{}, table, &beyond, view<float, 2>(out.data(), 1, 8)),
                       "token 4 is outside the vocabulary of 4. Fix: use the tokenizer that belongs to this model.", error);
  CHECK_THROWS_AS(embed(cpu{}, table, &below, view<float, 2>(out.data(), 1, 8)), error);
  const std::int32_t fine = 3;
  CHECK_THROWS_AS(embed(cpu{}, table, &fine, view<float, 2>(out.data(), 1, 4)), error);
}

}  // namespace
