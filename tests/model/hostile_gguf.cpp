// GGUF files that are wrong in every field: each gives one tenon::error that names the file, what was expected and what
// was found. Files are held in memory of exactly their size, so that a sanitizer sees any read beyond them.

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include <tenon/model/weights/gguf.hpp>

#include "../support/gguf_bytes.hpp"

namespace {

using tenon_test::gguf_bytes;

// What the reader says about these bytes; empty where it accepts them.
std::string complaint(std::string_view bytes) {
  const auto exact = std::make_unique<std::byte[]>(bytes.size());
  std::memcpy(exact.get(), bytes.data(), bytes.size());
  const auto read = tenon::attempt([&] { return tenon::read_gguf({exact.get(), bytes.size()}, "bad.gguf"); });
  return read ? std::string() : read.fault().what();
}

void refused(const gguf_bytes& file, const char* sentence) {
  const std::string said = complaint(file.bytes);
  CAPTURE(said);
  CHECK(said.starts_with("bad.gguf: "));
  CHECK(said.find(sentence) != std::string::npos);
  CHECK(said.find(" Fix: ") != std::string::npos);
}

gguf_bytes two_tensors(std::uint64_t first, std::uint64_t second) {
  return gguf_bytes{}.header(2, 0).tensor("a", 8, 2, 0, first).tensor("b", 8, 2, 0, second).align().zeros(128);
}

TEST_CASE("truncated at every byte") {
  std::ifstream in(TENON_TEST_DATA "/model/small.gguf", std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  REQUIRE(complaint(whole).empty());
  const auto file = tenon::read_gguf(std::as_bytes(std::span(whole)), "small.gguf");
  std::size_t end = 0;  // of the last tensor; padding may follow
  for (const auto& t : file.tensors())
    end = std::max(end, static_cast<std::size_t>(t.matrix.bytes - reinterpret_cast<const std::byte*>(whole.data())) +
                            static_cast<std::size_t>(t.matrix.rows) * tenon::row_bytes(t.matrix.kind, t.matrix.columns));
  REQUIRE(end + 32 > whole.size());
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < end; ++size) accepted += complaint(std::string_view(whole).substr(0, size)).empty() ? 1 : 0;
  CHECK(accepted == 0);
}

TEST_CASE("header") {
  refused(gguf_bytes{}.raw("GGML").u32(3).u64(0).u64(0), "expected a GGUF file, which begins with 'GGUF', found 'GGML'");
  refused(gguf_bytes{}.raw("\x7f""ELF").u32(3), "found '\\x7fELF'");
  refused(gguf_bytes{}.raw("GG"), "expected 4 bytes of the magic at byte 0, found 2 before the end of the file");
  refused(gguf_bytes{}.header(0, 0, 1), "expected GGUF version 2 or 3, found version 1");
  refused(gguf_bytes{}.header(0, 0, 4), "found version 4");
  refused(gguf_bytes{}.header(0, 0, 0x03000000), "expected a little-endian file, found a big-endian one");
  CHECK(complaint(gguf_bytes{}.header(0, 0, 2).bytes).empty());
  CHECK(complaint(gguf_bytes{}.header(0, 0, 3).bytes).empty());
}

TEST_CASE("counts that the file has no room for") {
  for (const std::uint64_t count : {std::uint64_t{1}, std::uint64_t{1} << 32, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    CAPTURE(count);
    refused(gguf_bytes{}.header(count, 0), "expected the number of tensors to be at most 0");
    refused(gguf_bytes{}.header(0, count), "expected the number of facts to be at most 0");
    refused(gguf_bytes{}.header(0, 1).text("k").u32(9).u32(4).u64(count), "expected the length of a metadata list to be at most 0");
    refused(gguf_bytes{}.header(0, 1).text("k").u32(9).u32(8).u64(count), "expected the length of a metadata list to be at most 0");
    refused(gguf_bytes{}.header(0, 1).text("k").u32(8).u64(count), "bytes of a metadata text at byte");
    refused(gguf_bytes{}.header(0, 1).u64(count).u32(0).u32(0), count == 1 ? "printable" : "bytes of a metadata key at byte");
  }
  refused(gguf_bytes{}.header(3, 0).tensor("a", 8, 2, 0, 0).align().zeros(64), "bytes");
  refused(gguf_bytes{}.header(0, 2).fact("a", 1).zeros(7), "expected the number of facts to be at most 1");
}

TEST_CASE("facts") {
  refused(gguf_bytes{}.header(0, 1).text("k").u32(13).u64(0), "expected metadata 'k' to have a type from 0 to 12, found 13");
  refused(gguf_bytes{}.header(0, 1).text("k").u32(9).u32(77).u64(0), "found 77");
  refused(gguf_bytes{}.header(0, 1).text("k").u32(9).u32(9).u64(1).u32(4).u64(0), "expected metadata 'k' to be a flat list, found a list of lists");
  refused(gguf_bytes{}.header(0, 1).text("k").u32(7).raw("\x02"), "expected metadata 'k' to be 0 or 1, found 2");
  refused(gguf_bytes{}.header(0, 1).text("k").u32(9).u32(7).u64(3).raw(std::string_view("\x01\x00\xff", 3)), "to be 0 or 1, found 255");
  refused(gguf_bytes{}.header(0, 2).fact("k", 1).fact("k", 2), "expected one metadata key 'k', found two");
  refused(gguf_bytes{}.header(0, 1).fact("", 1), "found 0 bytes ''");
  refused(gguf_bytes{}.header(0, 1).fact("\xff\xfe", 1), "printable UTF-8, found 2 bytes '\\xff\\xfe'");
  refused(gguf_bytes{}.header(0, 1).fact("a\nb", 1), "'a\\x0ab'");
  refused(gguf_bytes{}.header(0, 1).fact(std::string(70000, 'k'), 1), "expected a metadata key of 1 to 65535 bytes");
  refused(gguf_bytes{}.header(0, 1).fact("general.alignment", 0), "power of two from 8 to 1048576, found 0");
  refused(gguf_bytes{}.header(0, 1).fact("general.alignment", 48), "found 48");
  refused(gguf_bytes{}.header(0, 1).fact("general.alignment", 0x80000000), "found 2147483648");
  refused(gguf_bytes{}.header(0, 2).fact("split.count", 3).fact("split.no", 1), "expected a whole model, found part 2 of 3");
  refused(gguf_bytes{}.header(0, 1).fact("general.alignment", "32"), "expected an integer, found STRING");
}

TEST_CASE("tensors") {
  const auto one = [](std::uint64_t columns, std::uint64_t rows, std::uint32_t type, std::uint64_t offset = 0) {
    return gguf_bytes{}.header(1, 0).tensor("t", columns, rows, type, offset).align().zeros(256);
  };
  CHECK(complaint(one(8, 8, 0).bytes).empty());
  refused(one(8, 9, 0), "expected tensor 't' to have 288 bytes at offset 0, found 256 bytes of data in the file");
  refused(one(8, 1, 0, 256), "expected tensor 't' to have 32 bytes at offset 256");
  refused(one(8, 1, 0, std::uint64_t{1} << 63), "at offset 9223372036854775808");
  refused(one(8, 1, 0, ~std::uint64_t{31}), "at offset 18446744073709551584");
  refused(one(8, 1, 0, 4), "expected the offset of tensor 't' to be a multiple of 32, found 4");
  refused(one(0, 8, 0), "expected axis 0 of tensor 't' to be at least 1");
  refused(one(8, 0, 0), "expected axis 1 of tensor 't' to be at least 1");
  refused(one(std::uint64_t{1} << 63, 2, 0), "at most 2^48 values, found 9223372036854775808");
  refused(one(std::uint64_t{1} << 32, std::uint64_t{1} << 32, 0), "at most 2^48 values, found 4294967296");
  refused(one(std::uint64_t{1} << 48, 1, 0), "to have 1125899906842624 bytes");
  refused(one(31, 1, 8), "expected rows of tensor 't' to be whole blocks of 32 values (Q8_0), found 31 values a row");
  refused(one(128, 1, 12), "whole blocks of 256 values (Q4_K), found 128 values a row");
  refused(one(8, 1, 13), "tensor 't': expected type F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K or Q6_K, found Q5_K (type 13)");
  refused(one(8, 1, 39), "found MXFP4 (type 39)");
  refused(one(8, 1, 1000), "found an unknown type (type 1000)");
  refused(one(8, 1, ~0u), "found an unknown type (type 4294967295)");
  refused(gguf_bytes{}.header(1, 0).text("v").u32(1).u64(32).u32(8).u64(0).align().zeros(64), "found 1 values a row");
  refused(gguf_bytes{}.header(1, 0).text("t").u32(0).u32(0).u64(0).zeros(64), "expected tensor 't' to have 1 to 4 axes, found 0");
  refused(gguf_bytes{}.header(1, 0).text("t").u32(5).u64(1).u64(1).u64(1).u64(1).u64(1).u32(0).u64(0).align().zeros(64), "found 5");
  refused(gguf_bytes{}.header(1, 0).tensor("", 8, 1, 0, 0).align().zeros(64), "expected a tensor name of 1 to 255 bytes");
  refused(gguf_bytes{}.header(1, 0).tensor(std::string(256, 't'), 8, 1, 0, 0).align().zeros(64), "found 256 bytes 'ttt");
  refused(gguf_bytes{}.header(1, 0).tensor("\xc3(", 8, 1, 0, 0).align().zeros(64), "found 2 bytes '\\xc3('");
  refused(gguf_bytes{}.header(2, 0).tensor("a", 8, 2, 0, 0).tensor("a", 8, 2, 0, 64).align().zeros(128), "expected one tensor 'a', found two");
  CHECK(complaint(two_tensors(0, 64).bytes).empty());
  CHECK(complaint(two_tensors(64, 0).bytes).empty());
  refused(two_tensors(0, 0), "it overlaps tensor 'a'");
  refused(two_tensors(0, 32), "expected tensor 'b' to begin at offset 64 or later, found it overlaps tensor 'a'");
  refused(two_tensors(32, 0), "expected tensor 'a' to begin at offset 64 or later, found it overlaps tensor 'b'");
}

TEST_CASE("heads that do not fit the projections") {
  const auto q = [](std::uint32_t width, std::uint32_t heads) {
    return gguf_bytes{}.header(1, 3).fact("general.architecture", "llama").fact("llama.embedding_length", width).fact("llama.attention.head_count", heads)
        .tensor("blk.0.attn_q.weight", 8, 8, 0, 0).align().zeros(256);
  };
  CHECK(complaint(q(8, 2).bytes).empty());
  refused(q(6, 2), "expected tensor 'blk.0.attn_q.weight' to have whole heads of an even size, found 8 rows and heads of 3");
  refused(q(12, 2), "found 8 rows and heads of 6");
  refused(q(8, 0), "found 8 rows and heads of 0");
  refused(q(0, 2), "found 8 rows and heads of 0");
}

TEST_CASE("paths that are no model file") {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / ("tenon_hostile_gguf_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const auto says = [](const fs::path& path, const std::string& sentence) {
    const auto opened = tenon::weights_file::try_open(path.string());
    REQUIRE_FALSE(opened);
    const std::string said = opened.fault().what();
    CAPTURE(said);
    CHECK(said.starts_with(path.string() + ": "));
    CHECK(said.find(sentence) != std::string::npos);
  };
  says(folder, "expected a GGUF file, found a folder");
  says(folder / "absent.gguf", "cannot open a GGUF file: No such file or directory");
  std::ofstream(folder / "empty.gguf").close();
  says(folder / "empty.gguf", "expected a GGUF file, found an empty file");
  std::ofstream(folder / "text.gguf") << "hello";
  says(folder / "text.gguf", "which begins with 'GGUF', found 'hell'");
  std::ofstream(folder / "weights.safetensors") << "hello";
  says(folder / "weights.safetensors", "open_weights");
  REQUIRE(::mkfifo((folder / "pipe.gguf").c_str(), 0600) == 0);
  says(folder / "pipe.gguf", "no regular file");
  says("/dev/null", "no regular file");
  // Root may read everything, so root gives up its rights for a moment.
  fs::permissions(folder / "text.gguf", fs::perms::none);
  const bool root = ::geteuid() == 0;
  if (root) REQUIRE(::seteuid(65534) == 0);
  const auto unreadable = tenon::weights_file::try_open(folder / "text.gguf");
  if (root) REQUIRE(::seteuid(0) == 0);
  REQUIRE_FALSE(unreadable);
  CHECK(std::string(unreadable.fault().what()).find("cannot open a GGUF file: Permission denied") != std::string::npos);
  fs::remove_all(folder);
}

}  // namespace
