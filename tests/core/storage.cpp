// Stored blocks against values computed by the gguf package and torch (tests/oracles/blocks.py), and rows of matrices.

#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <tenon/core/storage.hpp>

namespace {

using namespace tenon;

struct record {
  std::vector<std::byte> raw;
  std::vector<float> values;
};

record oracle(const std::string& wanted) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(TENON_TEST_DATA "/core/blocks.bin", "rb"), std::fclose);
  REQUIRE(file != nullptr);
  char name[9] = {};
  std::uint32_t sizes[2];
  while (std::fread(name, 1, 8, file.get()) == 8 && std::fread(sizes, 4, 2, file.get()) == 2) {
    record out{std::vector<std::byte>(sizes[0]), std::vector<float>(sizes[1])};
    REQUIRE(std::fread(out.raw.data(), 1, sizes[0], file.get()) == sizes[0]);
    REQUIRE(std::fread(out.values.data(), sizeof(float), sizes[1], file.get()) == sizes[1]);
    if (wanted == name) return out;
  }
  return {};
}

TEST_CASE("every block means what the gguf package says, value for value") {
  for (const storage kind : {storage::q8_0, storage::q4_0, storage::q4_1, storage::q4_k, storage::q6_k}) {
    CAPTURE(name(kind));
    const record want = oracle(name(kind));
    REQUIRE(want.values.size() == 1024);
    REQUIRE(want.raw.size() == row_bytes(kind, 1024));
    const stored_matrix matrix{.kind = kind, .rows = 4, .columns = 256, .bytes = want.raw.data()};
    std::vector<float> row(256);
    for (tenon::index_t r = 0; r < 4; ++r) {
      matrix.decode_row(r, row.data());
      for (std::size_t i = 0; i < 256; ++i) {
        const float expected = want.values[static_cast<std::size_t>(r) * 256 + i];
        // d q + m may be contracted to one rounding; everything else is exact to the bit.
        if (kind == storage::q4_1 || kind == storage::q4_k)
          REQUIRE(std::fabs(row[i] - expected) <= 2.5e-7f * (std::fabs(expected) + 0.5f));
        else
          REQUIRE(row[i] == expected);
      }
    }
  }
}

TEST_CASE("8-bit floats mean what torch says, all 256 of them") {
  const record e4 = oracle("F8_E4M3"), e5 = oracle("F8_E5M2");
  REQUIRE(e4.values.size() == 256);
  REQUIRE(e5.values.size() == 256);
  for (std::size_t i = 0; i < 256; ++i) {
    const float a = static_cast<float>(e4m3::from_bits(static_cast<std::uint8_t>(i))), b = static_cast<float>(e5m2::from_bits(static_cast<std::uint8_t>(i)));
    CHECK((a == e4.values[i] || (std::isnan(a) && std::isnan(e4.values[i]))));
    CHECK((b == e5.values[i] || (std::isnan(b) && std::isnan(e5.values[i]))));
  }
}

TEST_CASE("plain elements and sizes") {
  const float f[] = {1.5f, -2.25f};
  const std::uint16_t h[] = {0x3e00, 0xc080}, b[] = {0x3fc0, 0xc010};
  const std::int8_t i[] = {-128, 127};
  const auto row = [](storage kind, const void* bytes) {
    std::vector<float> out(2);
    stored_matrix{.kind = kind, .rows = 1, .columns = 2, .bytes = static_cast<const std::byte*>(bytes)}.decode_row(0, out.data());
    return out;
  };
  CHECK(row(storage::f32, f) == std::vector<float>{1.5f, -2.25f});
  CHECK(row(storage::f16, h) == std::vector<float>{1.5f, -2.25f});
  CHECK(row(storage::bf16, b) == std::vector<float>{1.5f, -2.25f});
  CHECK(row(storage::i8, i) == std::vector<float>{-128.0f, 127.0f});
  CHECK(row_bytes(storage::q4_k, 512) == 288);
  CHECK(block_values(storage::q6_k) == 256);
  CHECK(block_bytes(storage::q4_1) == 20);
  CHECK(std::string(name(storage::e4m3)) == "F8_E4M3");
}

TEST_CASE("rows of an interleaved matrix are found where the file put them, head by head") {
  // Two heads of 6 rows: the file holds pair (i, i + 3) as rows 2i, 2i + 1.
  float file[12];
  for (int head = 0; head < 2; ++head)
    for (int i = 0; i < 3; ++i) {
      file[head * 6 + 2 * i] = static_cast<float>(head * 6 + i);
      file[head * 6 + 2 * i + 1] = static_cast<float>(head * 6 + i + 3);
    }
  const stored_matrix matrix{.kind = storage::f32, .rows = 12, .columns = 1, .bytes = reinterpret_cast<const std::byte*>(file), .order = row_order::interleaved, .head_dim = 6};
  for (tenon::index_t r = 0; r < 12; ++r) {
    float value = -1;
    matrix.decode_row(r, &value);
    CHECK(value == static_cast<float>(r));
  }
}

TEST_CASE("scales multiply tile by tile, ragged tiles at the edges included") {
  std::vector<float> ones(3 * 5, 1.0f);
  const float scales[] = {2, 3, 5, 7, 11, 13};  // tiles of 2 x 2: 2 x 3 of them
  const stored_matrix matrix{.kind = storage::f32, .rows = 3, .columns = 5, .bytes = reinterpret_cast<const std::byte*>(ones.data()), .scales = scales, .scale_rows = 2, .scale_columns = 2};
  float row[5];
  matrix.decode_row(1, row);
  CHECK(std::vector<float>(row, row + 5) == std::vector<float>{2, 2, 3, 3, 5});
  matrix.decode_row(2, row);
  CHECK(std::vector<float>(row, row + 5) == std::vector<float>{7, 7, 11, 11, 13});
}

}  // namespace
