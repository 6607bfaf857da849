// Any bytes as a safetensors file or a config.json: refused with a tenon::error, or everything can be used.
// The first byte chooses: '{' a config.json, anything else a safetensors file that begins after it.

#include <cstddef>
#include <cstdint>
#include <vector>

#include <tenon/model/weights/safetensors.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  if (data[0] == '{') {
    const std::string path = "config.json";
    (void)tenon::attempt([&] {
      const auto tree = tenon::detail::read_json(bytes, path, std::size_t{1} << 20);
      auto facts = tenon::detail::config_facts(tree, path);
      tenon::detail::add_end_tokens(facts, tree, path);
      for (const auto key : facts.keys())
        if (!facts.has(key)) __builtin_trap();
      return 0;
    });
    return 0;
  }
  // A copy, so that a read before or beyond the file meets the sanitizer.
  const std::vector<std::byte> exact(bytes.begin() + 1, bytes.end());
  auto file = tenon::attempt([&] { return tenon::read_safetensors(exact, "fuzz.safetensors"); });
  if (!file) return 0;
  for (const tenon::stored_tensor& t : file->tensors()) {
    if (file->find(t.name) != &t) __builtin_trap();
    std::vector<float> row(static_cast<std::size_t>(t.matrix.columns));
    for (const tenon::index_t r : {tenon::index_t{0}, t.matrix.rows / 2, t.matrix.rows - 1}) t.matrix.decode_row(r, row.data());
  }
  return 0;
}
