// What the GGUF writer writes, the reader reads back; and a file that cannot be written leaves nothing behind.

#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/stat.h>

#include <tenon/model/weights/gguf.hpp>
#include <tenon/model/weights/gguf_writer.hpp>
#include <tenon/model/weights/quantize.hpp>

#include "../support/random_model.hpp"
#include "../support/temporary_folder.hpp"

namespace {

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

void check_equal(const tenon::stored_tensor& a, const tenon::stored_tensor& b) {
  CAPTURE(a.name);
  CHECK(a.shape == b.shape);
  REQUIRE(a.matrix.rows == b.matrix.rows);
  REQUIRE(a.matrix.columns == b.matrix.columns);
  REQUIRE(a.matrix.kind == b.matrix.kind);
  tenon::index_t differing = 0;
  for (tenon::index_t r = 0; r < a.matrix.rows; ++r) differing += std::memcmp(a.matrix.row(r), b.matrix.row(r), tenon::row_bytes(a.matrix.kind, a.matrix.columns)) != 0 ? 1 : 0;
  CHECK(differing == 0);
}

template <class F>
std::string complaint(F&& f) {
  const auto done = tenon::attempt([&] { return f(), 0; });
  return done ? std::string() : done.fault().what();
}

TEST_CASE("a GGUF file read, written and read again is the same") {
  const tenon_test::temporary_folder folder;
  const auto first = tenon::open_gguf(TENON_TEST_DATA "/model/small.gguf");
  tenon::write_gguf(folder / "again.gguf", first.facts(), first.tensors());
  const auto second = tenon::open_gguf(folder / "again.gguf");
  REQUIRE(first.tensors().size() == second.tensors().size());
  for (const auto& t : first.tensors()) {
    REQUIRE(second.find(t.name) != nullptr);
    check_equal(t, *second.find(t.name));
    CHECK(t.matrix.order == second.find(t.name)->matrix.order);
  }
  CHECK(second.find("blk.0.attn_q.weight")->matrix.order == tenon::row_order::interleaved);
  REQUIRE(first.facts().keys() == second.facts().keys());
  for (std::size_t i = 0; i < first.facts().entries().size(); ++i) {
    const auto &a = first.facts().entries()[i], &b = second.facts().entries()[i];
    CHECK(a.type == b.type);
    CHECK(a.element == b.element);
    CHECK(a.count == b.count);
    CHECK(std::equal(a.bytes.begin(), a.bytes.end(), b.bytes.begin(), b.bytes.end()));
  }
  tenon::write_gguf(folder / "third.gguf", second.facts(), second.tensors());
  CHECK(content(folder / "again.gguf") == content(folder / "third.gguf"));
  CHECK(folder.entries() == 2);
}

TEST_CASE("random models of every storage are written and read back") {
  const tenon_test::temporary_folder folder;
  for (const char* architecture : {"llama", "qwen2"})
    for (const tenon::storage kind : {tenon::storage::f32, tenon::storage::f16, tenon::storage::bf16, tenon::storage::q8_0, tenon::storage::q4_0, tenon::storage::q4_1}) {
      CAPTURE(architecture);
      CAPTURE(name(kind));
      const tenon_test::random_model model({.architecture = architecture, .kind = kind});
      model.write_gguf(folder / "model.gguf");
      const auto file = tenon::open_gguf(folder / "model.gguf");
      REQUIRE(file.tensors().size() == model.tensors().size());
      for (const auto& t : model.tensors()) {
        REQUIRE(file.find(t.name) != nullptr);
        check_equal(t, *file.find(t.name));
      }
      CHECK(file.facts().texts("tokenizer.ggml.tokens").size() == 288);
    }
}

TEST_CASE("q and k of llama models are permuted in the file, and only they") {
  const tenon_test::temporary_folder folder;
  const auto row_in_file = [&](const char* architecture, const char* name) {
    const tenon_test::random_model model({.architecture = architecture});
    model.write_gguf(folder / "model.gguf");
    const auto file = tenon::open_gguf(folder / "model.gguf");
    tenon::stored_matrix m = file.find(name)->matrix;
    m.order = tenon::row_order::published;
    tenon::index_t found = -1;
    for (const auto& t : model.tensors())
      for (tenon::index_t r = 0; t.name == name && r < t.matrix.rows; ++r)
        if (std::memcmp(m.row(17), t.matrix.row(r), tenon::row_bytes(m.kind, m.columns)) == 0) found = r;
    return found;
  };
  CHECK(row_in_file("llama", "blk.1.attn_q.weight") == 16 + 8);  // row 1 of head 1 is value 0 of the second half
  CHECK(row_in_file("llama", "blk.1.attn_k.weight") == 16 + 8);
  CHECK(row_in_file("llama", "blk.1.attn_v.weight") == 17);
  CHECK(row_in_file("qwen2", "blk.1.attn_q.weight") == 17);
}

TEST_CASE("blocks are those of the Python package, bit for bit") {
  const std::string bytes = content(TENON_TEST_DATA "/model/quantized.bin");
  constexpr tenon::index_t blocks = 64;
  std::vector<float> x(blocks * 32);
  std::size_t at = x.size() * sizeof(float);
  REQUIRE(bytes.size() == at + blocks * (34 + 18 + 20));
  std::memcpy(x.data(), bytes.data(), at);
  for (const tenon::storage kind : {tenon::storage::q8_0, tenon::storage::q4_0, tenon::storage::q4_1}) {
    const auto ours = tenon::quantize(kind, tenon::view<const float, 2>(x.data(), blocks, 32));
    CAPTURE(name(kind));
    CHECK(std::memcmp(ours.data(), bytes.data() + at, ours.size()) == 0);
    at += ours.size();
  }
}

TEST_CASE("values that a storage cannot hold") {
  const std::vector<float> x(64, 1.f);
  CHECK(complaint([&] { tenon::quantize(tenon::storage::q8_0, tenon::view<const float, 2>(x.data(), 2, 16)); }).find("rows of 16 values are no whole blocks of 32 (Q8_0)") != std::string::npos);
  const std::vector<float> many(256, 1.f);
  CHECK(complaint([&] { tenon::quantize(tenon::storage::q4_k, tenon::view<const float, 2>(many.data(), 1, 256)); }).find("does not quantise to Q4_K") != std::string::npos);
  std::vector<float> infinite(32, 1.f);
  infinite[3] = std::numeric_limits<float>::infinity();
  CHECK(complaint([&] { tenon::quantize(tenon::storage::q4_0, tenon::view<const float, 2>(infinite.data(), 1, 32)); }).find("value 3 of row 0 is not finite") != std::string::npos);
}

TEST_CASE("tensors that cannot be written") {
  const tenon_test::temporary_folder folder;
  const std::vector<float> values(64, 1.f);
  const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
  const auto tensor = [&](const char* name, tenon::storage kind, std::vector<tenon::index_t> shape) {
    return tenon::stored_tensor{.name = name, .matrix = {.kind = kind, .rows = 8, .columns = 8, .bytes = bytes}, .shape = std::move(shape)};
  };
  const auto says = [&](const std::vector<tenon::stored_tensor>& tensors, const char* sentence, const tenon::metadata& facts = tenon::metadata{}) {
    const std::string said = complaint([&] { tenon::write_gguf(folder / "bad.gguf", facts, tensors); });
    CAPTURE(said);
    CHECK(said.find("bad.gguf: ") != std::string::npos);
    CHECK(said.find(sentence) != std::string::npos);
    CHECK(folder.entries() == 0);
  };
  says({tensor("t", tenon::storage::e4m3, {8, 8})}, "GGUF cannot hold tensor 't' (F8_E4M3");
  says({tensor("t", tenon::storage::i8, {8, 8})}, "GGUF cannot hold tensor 't' (I8");
  says({tensor("t", tenon::storage::f32, {8, 4})}, "expected the shape of tensor 't' to be that of its matrix");
  says({tensor("t", tenon::storage::f32, {})}, "expected the shape of tensor 't'");
  says({tensor("t", tenon::storage::f32, {2, 4, 8}), tensor("t", tenon::storage::f32, {8, 8})}, "expected one tensor 't', found two");
  says({tensor("a\n", tenon::storage::f32, {8, 8})}, "found 'a\\x0a'");
  says({tensor("t", tenon::storage::f32, {1, 1, 1, 8, 8})}, "5 axes");
  tenon::metadata facts;
  facts.set_text("general.architecture", "llama");
  facts.set_integer("llama.attention.key_length", 3);
  says({tensor("blk.0.attn_q.weight", tenon::storage::f32, {8, 8})}, "whole heads of an even size", facts);
  tenon::metadata aligned;
  aligned.set_integer("general.alignment", 33);
  says({}, "power of two from 8 to 1048576, found 33", aligned);
}

TEST_CASE("a file that cannot be written leaves nothing half-written, and what stood there stays") {
  const tenon_test::temporary_folder folder;
  const tenon_test::random_model model;
  const auto write = [&](const std::string& path) { return complaint([&] { model.write_gguf(path); }); };
  CHECK(write(folder / "none/model.gguf").find("cannot create it: No such file or directory") != std::string::npos);
  CHECK(write(folder.path()).find("found a folder") != std::string::npos);
  CHECK(write("/dev/full").find("/dev/full: cannot write it: No space left on device") != std::string::npos);
  CHECK(folder.entries() == 0);

  tenon_test::random_model::write_text(folder / "model.gguf", "precious");
  // A limit on the size of files is met like a full disk; the signal that comes with it must not end the program.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{.rlim_cur = 100'000, .rlim_max = before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string said = write(folder / "model.gguf");
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(said.find("model.gguf: cannot write it: File too large") != std::string::npos);
  CHECK(folder.entries() == 1);
  CHECK(content(folder / "model.gguf") == "precious");

  {
    tenon::new_file abandoned(folder / "model.gguf");
    abandoned.write("half");
    CHECK(folder.entries() == 2);
  }
  CHECK(folder.entries() == 1);
  CHECK(content(folder / "model.gguf") == "precious");
  CHECK(write(folder / "model.gguf").empty());
  CHECK(folder.entries() == 1);
  CHECK(tenon::open_gguf(folder / "model.gguf").tensors().size() == model.tensors().size());
}

TEST_CASE("a pipe that nobody reads any more is an error and no signal") {
  const tenon_test::temporary_folder folder;
  const std::string pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(reader >= 0);
  tenon::new_file file(pipe);
  ::close(reader);
  file.write("text");
  CHECK(complaint([&] { file.commit(); }).find("cannot write it: Broken pipe") != std::string::npos);
}

}  // namespace
