// The GGUF reader against what the Python package gguf writes (tests/data/model/make_small_gguf.py).

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <tenon/model/weights/gguf.hpp>

namespace {

const std::string folder = TENON_TEST_DATA "/model/";

std::vector<char> content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("every type decodes to what the Python package says") {
  const auto file = tenon::weights_file::open(folder + "small.gguf");
  const std::vector<char> bytes = content(folder + "small.f32");
  std::vector<float> expected(bytes.size() / sizeof(float));
  std::memcpy(expected.data(), bytes.data(), bytes.size());
  REQUIRE(file.tensors().size() == 13);
  std::size_t at = 0;
  for (const tenon::stored_tensor& t : file.tensors()) {
    CAPTURE(t.name);
    tenon::stored_matrix as_in_file = t.matrix;
    as_in_file.order = tenon::row_order::published;
    const std::size_t count = static_cast<std::size_t>(t.matrix.rows * t.matrix.columns);
    REQUIRE(at + count <= expected.size());
    std::vector<float> row(static_cast<std::size_t>(t.matrix.columns));
    double wrong = 0, size = 0;
    for (tenon::index_t r = 0; r < t.matrix.rows; ++r) {
      as_in_file.decode_row(r, row.data());
      for (const float value : row) {
        const double e = static_cast<double>(expected[at++]);
        wrong += (static_cast<double>(value) - e) * (static_cast<double>(value) - e), size += e * e;
      }
    }
    CHECK(size > 0);
    CHECK(std::sqrt(wrong / size) < 1e-6);
  }
  CHECK(at == expected.size());
}

TEST_CASE("shapes are slowest axis first") {
  const auto file = tenon::weights_file::open(folder + "small.gguf");
  CHECK(file.find("matrix.f32")->shape == std::vector<tenon::index_t>{3, 5});
  CHECK(file.find("matrix.f32")->matrix.columns == 5);
  CHECK(file.find("cube.f32")->shape == std::vector<tenon::index_t>{2, 3, 4});
  CHECK(file.find("cube.f32")->matrix.rows == 6);
  CHECK(file.find("vector.f32")->shape == std::vector<tenon::index_t>{256});
  CHECK(file.find("vector.f32")->matrix.columns == 1);
  CHECK(file.find("vector.f32")->matrix.rows == 256);
  CHECK(file.find("matrix.f3") == nullptr);
  CHECK(file.find("") == nullptr);
}

TEST_CASE("q and k of llama files are marked as interleaved, and read back as published") {
  const auto file = tenon::weights_file::open(folder + "small.gguf");
  for (const char* name : {"blk.0.attn_q.weight", "blk.0.attn_k.weight"}) {
    const tenon::stored_matrix& m = file.find(name)->matrix;
    CHECK(m.order == tenon::row_order::interleaved);
    CHECK(m.head_dim == 128);
    // Published row r < half of a head is row 2r in the file; row half + r is row 2r + 1.
    tenon::stored_matrix as_in_file = m;
    as_in_file.order = tenon::row_order::published;
    CHECK(m.row(3) == as_in_file.row(6));
    CHECK(m.row(64 + 3) == as_in_file.row(7));
  }
  CHECK(file.find("blk.0.attn_v.weight")->matrix.order == tenon::row_order::published);
}

TEST_CASE("metadata of every type") {
  const auto file = tenon::weights_file::open(folder + "small.gguf");
  const tenon::metadata& facts = file.facts();
  CHECK(facts.text("general.architecture") == "llama");
  CHECK(facts.integer("llama.attention.head_count") == 2);
  CHECK(facts.integer("test.u8") == 200);
  CHECK(facts.integer("test.i8") == -100);
  CHECK(facts.integer("test.u16") == 60000);
  CHECK(facts.integer("test.i16") == -30000);
  CHECK(facts.integer("test.u32") == 4000000000);
  CHECK(facts.integer("test.i32") == -2000000000);
  CHECK(facts.integer("test.u64") == std::int64_t{1} << 62);
  CHECK(facts.integer("test.i64") == -(std::int64_t{1} << 62));
  CHECK(facts.real("test.f32") == static_cast<double>(0.1f));
  CHECK(facts.real("test.f64") == 0.1);
  CHECK(facts.real("test.i8") == -100.0);
  CHECK(facts.flag("test.yes") == true);
  CHECK(facts.flag("test.no") == false);
  CHECK(facts.text("test.text") == "Zapfen und Schlitz: тест 測試 🔨");
  CHECK(facts.texts("test.texts") == std::vector<std::string_view>{"a", "Ġb", "", "木"});
  CHECK(facts.integers("test.integers") == std::vector<std::int64_t>{1, -2, 3});
  CHECK(facts.reals("test.reals") == std::vector<double>{0.5, -1.25});
  CHECK(facts.integers("test.u8") == std::vector<std::int64_t>{200});
  CHECK(facts.has("test.u8"));
  CHECK_FALSE(facts.has("test"));
  CHECK_FALSE(facts.integer("absent").has_value());
  CHECK_FALSE(facts.text("absent").has_value());
  CHECK(facts.texts("absent").empty());
  CHECK(facts.keys().front() == "general.architecture");
}

TEST_CASE("a fact of another kind is a fault that names file, key, expected and found") {
  const auto file = tenon::weights_file::open(folder + "small.gguf");
  const tenon::metadata& facts = file.facts();
  const auto says = [&](auto&& get, const char* sentence) {
    const auto taken = tenon::attempt([&] { return get(), 0; });
    REQUIRE_FALSE(taken);
    CAPTURE(taken.fault().what());
    CHECK(std::string_view(taken.fault().what()).find("small.gguf") != std::string_view::npos);
    CHECK(std::string_view(taken.fault().what()).find(sentence) != std::string_view::npos);
  };
  says([&] { facts.integer("test.text"); }, "'test.text': expected an integer, found STRING");
  says([&] { facts.integer("test.integers"); }, "'test.integers': expected an integer, found a list of INT32");
  says([&] { facts.integer("test.huge"); }, "expected an integer below 2^63, found UINT64");
  says([&] { facts.integer("test.yes"); }, "expected an integer, found BOOL");
  says([&] { facts.text("test.u8"); }, "expected a text, found UINT8");
  says([&] { facts.real("test.text"); }, "expected a number, found STRING");
  says([&] { facts.flag("test.u8"); }, "expected true or false, found UINT8");
  says([&] { facts.texts("test.integers"); }, "expected a list of texts, found a list of INT32");
  says([&] { facts.integers("test.texts"); }, "expected a list of integers, found a list of STRING");
  says([&] { facts.reals("test.flags"); }, "expected a list of numbers, found a list of BOOL");
}

TEST_CASE("facts that were set are read back, replaced in place, and survive copies") {
  tenon::metadata facts;
  facts.set_text("a", "one");
  facts.set_integer("b", 7);
  facts.set_integer("c", -7);
  facts.set_real("d", 0.5);
  facts.set_flag("e", true);
  facts.set_texts("f", std::vector<std::string>{"x", "", "yz"});
  facts.set_integers("g", std::vector<std::int64_t>{1, std::int64_t{1} << 40});
  facts.set_reals("h", std::vector<double>{1, 2});
  facts.set_text("a", "two");
  tenon::metadata copy = facts;
  facts = tenon::metadata{};
  CHECK(copy.text("a") == "two");
  CHECK(copy.integer("b") == 7);
  CHECK(copy.integer("c") == -7);
  CHECK(copy.real("d") == 0.5);
  CHECK(copy.flag("e") == true);
  CHECK(copy.texts("f") == std::vector<std::string_view>{"x", "", "yz"});
  CHECK(copy.integers("g") == std::vector<std::int64_t>{1, std::int64_t{1} << 40});
  CHECK(copy.reals("h") == std::vector<double>{1, 2});
  CHECK(copy.keys() == std::vector<std::string_view>{"a", "b", "c", "d", "e", "f", "g", "h"});
}

TEST_CASE("an open file can be moved, and drops its pages without changing") {
  auto first = tenon::weights_file::open(folder + "small.gguf");
  const tenon::weights_file second = std::move(first);
  std::vector<float> before(256), after(256);
  second.find("matrix.f32")->matrix.decode_row(1, before.data());
  second.drop_pages();
  second.find("matrix.f32")->matrix.decode_row(1, after.data());
  CHECK(before == after);
  CHECK(before != std::vector<float>(256));
  CHECK(second.facts().text("general.architecture") == "llama");
  CHECK(second.path() == folder + "small.gguf");
  CHECK(second.folder().empty());
}

}  // namespace
