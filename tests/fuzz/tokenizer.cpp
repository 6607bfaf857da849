// Any bytes as text, in every style: encoding never faults, and decoding gives the bytes back where nothing is normalised.
// The first byte chooses the style and how control tokens are read.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <tenon/text/stream.hpp>
#include <tenon/text/tokenizer.hpp>

namespace {

tenon::tokenizer make(const char* style) {
  tenon::vocabulary words;
  words.style = style;
  words.form = tenon::find_style(style).form;
  words.merged = tenon::find_style(style).merged;
  for (int byte = 0; byte < 256; ++byte) words.pieces.push_back(tenon::to_byte_level(std::string(1, static_cast<char>(byte))));
  // Merges over letters, spaces, digits and the bytes of a character.
  constexpr std::string_view pairs[][2] = {{"a", "a"}, {"aa", "aa"}, {"a", "b"}, {"ab", "a"}, {" ", " "}, {" ", "a"}, {"\n", "\n"}, {"1", "2"}, {"\xCC", "\x81"}, {"'", "s"}};
  for (const auto& [left, right] : pairs) {
    words.merges.emplace_back(tenon::to_byte_level(left), tenon::to_byte_level(right));
    words.pieces.push_back(words.merges.back().first + words.merges.back().second);
  }
  for (const char* text : {"<|im_end|>", "<|im_", "<think>", "e\xCC\x81"}) {
    words.added.push_back({.token = static_cast<std::int32_t>(words.pieces.size()), .text = text, .control = text[1] == '|', .normalized = text[0] == 'e'});
    words.pieces.emplace_back();
  }
  return tenon::tokenizer(words);
}

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const tenon::tokenizer styles[] = {make("gpt-2"), make("llama-bpe"), make("smollm"), make("qwen2")};
  if (size == 0) return 0;
  const int which = data[0] % 4;
  const auto how = data[0] / 4 % 2 == 0 ? tenon::controls::as_text : tenon::controls::parsed;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const tenon::tokenizer& tokens = styles[which];

  const auto encoded = tokens.encode(text, how);
  const std::string decoded = tokens.decode(encoded);
  require(which == 3 || decoded == text);
  require(which != 3 || tokens.decode(tokens.encode(decoded, how)) == decoded);  // what is normalised stays as it is
  for (const auto token : encoded) require(how == tenon::controls::parsed || !tokens.is_control(token));

  // What a stream shows is cut between characters only.
  tenon::text_stream stream;
  std::string shown;
  std::size_t whole = 0;  // the end of the characters and stray bytes that begin before what is shown ends
  for (const auto token : encoded) {
    shown += stream.push(tokens.piece(token));
    while (whole < shown.size()) whole += std::max<std::size_t>(tenon::utf8_character(std::string_view(decoded).substr(whole)), 1);
    require(whole == shown.size());
  }
  require(shown + stream.finish() == decoded);
  return 0;
}
