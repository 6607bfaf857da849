// Any bytes as a GGUF file: the reader refuses them with a tenon::error, or everything it then offers can be used.

#include <cstddef>
#include <cstdint>
#include <vector>

#include <tenon/model/weights/gguf.hpp>

namespace {

void use_facts(const tenon::metadata& facts) {
  for (const tenon::metadata::entry& e : facts.entries()) {
    const auto number = [&](auto&& get) { (void)tenon::attempt([&] { return get(), 0; }); };  // a fact of another kind
    number([&] { (void)facts.integer(e.key); }), number([&] { (void)facts.integers(e.key); });
    number([&] { (void)facts.real(e.key); }), number([&] { (void)facts.reals(e.key); });
    number([&] { (void)facts.flag(e.key); }), number([&] { (void)facts.text(e.key); });
    std::size_t length = 0;
    number([&] {
      for (const auto text : facts.texts(e.key))
        for (const char c : text) length += static_cast<unsigned char>(c);
    });
    [[maybe_unused]] static volatile std::size_t sink;
    sink = length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto file = tenon::attempt([&] { return tenon::read_gguf({reinterpret_cast<const std::byte*>(data), size}, "fuzz.gguf"); });
  if (!file) return 0;
  tenon::weights_file& opened = *file;
  use_facts(opened.facts());
  for (const tenon::stored_tensor& t : opened.tensors()) {
    if (opened.find(t.name) != &t) __builtin_trap();
    std::vector<float> row(static_cast<std::size_t>(t.matrix.columns));
    for (const tenon::index_t r : {tenon::index_t{0}, t.matrix.rows / 2, t.matrix.rows - 1}) t.matrix.decode_row(r, row.data());
  }
  return 0;
}
