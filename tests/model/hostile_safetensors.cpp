// Safetensors files that are wrong in every field: each gives one tenon::error that names the file, what was expected and
// what was found. Files are held in memory of exactly their size, so that a sanitizer sees any read beyond them.

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include <tenon/model/weights/safetensors.hpp>

#include "../support/safetensors_bytes.hpp"

namespace {

using tenon_test::safetensors_bytes;

// What the reader says about these bytes; empty where it accepts them.
std::string complaint(std::string_view bytes) {
  const auto exact = std::make_unique<std::byte[]>(bytes.size());
  std::memcpy(exact.get(), bytes.data(), bytes.size());
  const auto read = tenon::attempt([&] { return tenon::read_safetensors({exact.get(), bytes.size()}, "bad.safetensors"); });
  return read ? std::string() : read.fault().what();
}

void refused(const std::string& bytes, const char* sentence) {
  const std::string said = complaint(bytes);
  CAPTURE(said);
  CHECK(said.starts_with("bad.safetensors: "));
  CHECK(said.find(sentence) != std::string::npos);
  CHECK(said.find(" Fix: ") != std::string::npos);
}

// A header of one tensor 't' with these fields.
std::string one(std::string_view fields, std::size_t data = 8) { return safetensors_bytes(R"({"t": {)" + std::string(fields) + "}}", data); }

constexpr const char* two = R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "__metadata__": {"format": "pt"}, "b": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [8, 20]}})";

TEST_CASE("truncated at every byte") {
  const std::string whole = safetensors_bytes(two, 20);
  REQUIRE(complaint(whole).empty());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(complaint(std::string_view(whole).substr(0, size)).starts_with("bad.safetensors: "));
  }
}

TEST_CASE("a header with any one byte changed is read or refused, never more") {
  const std::string whole = safetensors_bytes(two, 20);
  for (std::size_t at = 0; at < whole.size() - 20; ++at)
    for (const int flip : {1, 2, 32, 128}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      const std::string said = complaint(changed);
      CHECK((said.empty() || said.starts_with("bad.safetensors: ")));
    }
}

TEST_CASE("size of the header") {
  refused("", "expected 8 bytes with the size of the header, found 0 bytes");
  refused("1234567", "found 7 bytes");
  for (const std::uint64_t size : {std::uint64_t{3}, std::uint64_t{1} << 32, std::uint64_t{1} << 63, ~std::uint64_t{0} - 1}) refused(safetensors_bytes("{}", 0, size), "expected a header of at most 2 bytes");
  refused(safetensors_bytes("", 5), "expected a header that begins with '{', found ''");
  refused(safetensors_bytes("[]"), "expected a header that begins with '{', found '['");
  refused(safetensors_bytes(" {}"), "found ' '");
  CHECK(complaint(safetensors_bytes("{}")).empty());
  CHECK(complaint(safetensors_bytes("{}      ")).empty());
}

TEST_CASE("text of the header") {
  refused(safetensors_bytes("{"), "JSON in UTF-8, found a syntax error at its byte");
  refused(safetensors_bytes("{}{}"), "found a syntax error at its byte 3");
  refused(safetensors_bytes("{\"\xff\": 1}"), "found invalid UTF-8 at its byte 3");
  refused(safetensors_bytes("{\"\xc0\xaf\": 1}"), "found invalid UTF-8");
  refused(safetensors_bytes("{\"\xed\xa0\x80\": 1}"), "found invalid UTF-8");
  refused(safetensors_bytes(R"({"\ud800": 1})"), "a syntax error");
  refused(safetensors_bytes(R"({"a\u0000b": {}})"), "expected a tensor name of 1 to 255 bytes of printable UTF-8, found 3 bytes 'a\\x00b'");
  refused(safetensors_bytes(R"({"": {}})"), "found 0 bytes ''");
  refused(safetensors_bytes("{\"" + std::string(2000, 'x') + "\": {}}"), "found 2000 bytes 'xxx");
  refused(safetensors_bytes("{" + std::string(100'000, '[')), "a syntax error");
  std::string deep = "{\"a\":";
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  refused(safetensors_bytes(deep), "to have dtype, shape and data_offsets, found 'a'");
  refused(safetensors_bytes("{\"a\":" + std::string(100'000, '[')), "another structure at 'a'");
  for (const char* value : {"1", "-1", "1.5", "null", "true", "\"x\"", "[]", "[1, 2]"}) refused(safetensors_bytes("{\"a\": " + std::string(value) + "}"), "expected the header to map names to {dtype, shape, data_offsets}");
  for (const char* value : {"1", "-1", "1.5", "null", "true", "{}", "[]"}) refused(safetensors_bytes("{\"__metadata__\": {\"k\": " + std::string(value) + "}}"), "another structure at '__metadata__'");
  refused(safetensors_bytes(R"({"__metadata__": {}, "__metadata__": {}})"), "expected one '__metadata__', found two");
}

TEST_CASE("fields") {
  CHECK(complaint(one(R"("dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8])")).empty());
  CHECK(complaint(one(R"("data_offsets": [0, 8], "shape": [], "dtype": "F32")", 4)).find("found data_offsets 0 to 8") != std::string::npos);
  refused(one(R"("shape": [2], "data_offsets": [0, 8])"), "expected tensor 't' to have dtype, shape and data_offsets, found one missing");
  refused(one(R"("dtype": "F32", "data_offsets": [0, 8])"), "one missing");
  refused(one(R"("dtype": "F32", "shape": [2])"), "one missing");
  refused(one(""), "one missing");
  refused(one(R"("dtype": "F32", "shape": [2], "data_offsets": [0, 8], "dtype": "F32")"), "expected tensor 't' to have one dtype, found two");
  refused(one(R"("dtype": "F32", "shape": [2], "data_offsets": [0, 8], "stride": [1])"), "found 'stride'");
  for (const char* type : {"F64", "I32", "BOOL", "F8_E5M2", "f32", "", "Q8_0", "\\n"}) refused(one("\"dtype\": \"" + std::string(type) + "\", \"shape\": [2], \"data_offsets\": [0, 8]"), "expected type F32, F16, BF16, F8_E4M3 or I8, found '");
  for (const char* value : {"1", "null", "true", "\"x\"", "{}", "1e3"}) refused(one("\"dtype\": \"F32\", \"shape\": " + std::string(value)), "another structure");
  for (const char* value : {"-1", "1.0", "1e2", "null", "true", "\"x\"", "{}", "[]", "18446744073709551616"}) {
    refused(one("\"dtype\": \"F32\", \"shape\": [" + std::string(value) + "]"), "another structure");
    refused(one("\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, " + std::string(value) + "]"), "another structure");
  }
  refused(one(R"("dtype": 1)"), "another structure");
  refused(one(R"("dtype": ["F32"])"), "another structure");
}

TEST_CASE("shapes and offsets") {
  const auto shape = [](const char* extents) { return one("\"dtype\": \"F32\", \"shape\": [" + std::string(extents) + "], \"data_offsets\": [0, 8]"); };
  refused(shape("0"), "expected axis 0 of tensor 't' to be at least 1");
  refused(shape("2, 0"), "expected axis 1 of tensor 't' to be at least 1");
  refused(shape("18446744073709551615"), "at most 2^48 values, found 18446744073709551615");
  refused(shape("4294967296, 4294967296"), "at most 2^48 values, found 4294967296");
  refused(shape("1, 1, 1, 1, 1, 1, 1, 1, 2"), "expected tensor 't' to have at most 8 axes");
  refused(shape("3"), "expected tensor 't' to have 12 bytes of data, found data_offsets 0 to 8");
  const auto range = [](const char* offsets, std::size_t data = 8) { return one("\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [" + std::string(offsets) + "]", data); };
  refused(range(""), "expected two data_offsets of tensor 't', found 0");
  refused(range("0"), "found 1");
  refused(range("0, 8, 16"), "found more");
  refused(range("8, 0"), "found data_offsets 8 to 0");
  refused(range("18446744073709551608, 0"), "to have 8 bytes of data, found data_offsets 18446744073709551608 to 0");
  refused(range("8, 16", 16), "expected the data of tensor 't' to begin at 0, where the one before it ends, found 8");
  refused(range("0, 8", 7), "expected the data of tensor 't' to end at 8, found 7 bytes of data in the file");
  refused(range("0, 8", 9), "expected the file to end with its last tensor, found 1 bytes more");
  const auto pair = [](const char* first, const char* second, std::size_t data) {
    return safetensors_bytes(R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [)" + std::string(first) + R"(]}, "b": {"dtype": "F32", "shape": [2], "data_offsets": [)" + second + "]}}", data);
  };
  CHECK(complaint(pair("0, 8", "8, 16", 16)).empty());
  CHECK(complaint(pair("8, 16", "0, 8", 16)).empty());
  refused(pair("0, 8", "0, 8", 16), "expected the data of tensor");
  refused(pair("0, 8", "4, 12", 16), "expected the data of tensor 'b' to begin at 8, where the one before it ends, found 4");
  refused(pair("0, 8", "12, 20", 20), "expected the data of tensor 'b' to begin at 8, where the one before it ends, found 12");
  refused(safetensors_bytes(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})", 8), "expected one tensor 'a', found two");
  refused(safetensors_bytes(R"({"model.norm.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "output_norm.weight": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})", 8),
          "expected one tensor 'output_norm.weight', found two");
}

TEST_CASE("scales that do not fit") {
  const auto scaled = [](const char* type, const char* name, const char* scale_type, const char* shape, std::size_t bytes) {
    return safetensors_bytes("{\"w.weight\": {\"dtype\": \"" + std::string(type) + R"(", "shape": [2, 4], "data_offsets": [0, 8]}, ")" + name + "\": {\"dtype\": \"" + scale_type + "\", \"shape\": [" + shape +
                                 "], \"data_offsets\": [8, " + std::to_string(8 + bytes) + "]}}",
                             8 + bytes);
  };
  CHECK(complaint(scaled("I8", "w.weight_scale", "F32", "2, 1", 8)).empty());
  CHECK(complaint(scaled("F8_E4M3", "w.weight_scale_inv", "F32", "1, 1", 4)).empty());
  refused(scaled("I8", "v.weight_scale", "F32", "2", 8), "expected a tensor 'v.weight' for the scales 'v.weight_scale', found none");
  refused(scaled("I8", "w.weight_scale", "F32", "3", 12), "one value per tile of the matrix of 2 x 4 values, found 3 x 1");
  refused(scaled("I8", "w.weight_scale", "F32", "2, 3", 24), "found 2 x 3");
  refused(scaled("I8", "w.weight_scale", "I8", "2", 2), "expected the scales 'w.weight_scale' to be F32, F16 or BF16, found I8");
  refused(scaled("F8_E4M3", "w.weight_scale_inv", "F32", "2, 1", 8), "found 2 x 1");
  refused(safetensors_bytes(R"({"w.weight": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}, "w.weight_scale": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]}})", 12),
          "expected tensor 'w.weight', which has scales, to be F8_E4M3 or I8, found F32");
}

}  // namespace
