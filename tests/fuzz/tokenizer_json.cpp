// Any bytes as a tokenizer.json: a vocabulary or one sentence. What is accepted can encode and decode.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <tenon/text/tokenizer.hpp>
#include <tenon/text/tokenizer_json.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const tenon::tokenizer tokens(tenon::read_tokenizer_json({reinterpret_cast<const char*>(data), size}));
    for (const auto how : {tenon::controls::as_text, tenon::controls::parsed})
      for (const char* text : {"", "abc aab <|end|> \xC3\xA9\xFF 12", "\n\n  don't"}) {
        const std::string decoded = tokens.decode(tokens.encode(text, how));
        if (tokens.lossless() && decoded != text) std::abort();
      }
  } catch (const tenon::error& fault) {
    if (std::string_view(fault.what()).find("Fix: ") == std::string_view::npos) std::abort();
  }
  return 0;
}
