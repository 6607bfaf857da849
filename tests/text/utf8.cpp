// What UTF-8 is, checked against every scalar value and every short string of bytes.

#include <doctest/doctest.h>

#include <string>

#include <tenon/text/byte_level.hpp>
#include <tenon/text/normal_form.hpp>
#include <tenon/text/stream.hpp>
#include <tenon/text/utf8.hpp>

namespace {

// The definition, written the other way round: encode, instead of test bytes.
std::string encoded(char32_t c) {
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
  if (c < 0x10000) return {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3F)), static_cast<char>(0x80 | (c & 0x3F))};
  return {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 0x3F)), static_cast<char>(0x80 | (c >> 6 & 0x3F)),
          static_cast<char>(0x80 | (c & 0x3F))};
}

}  // namespace

TEST_CASE("every scalar value is one character, its parts are unfinished, and surrogates are none") {
  long wrong = 0, well_formed = 0;
  for (char32_t c = 0; c < 0x110000; ++c) {
    const std::string bytes = encoded(c);
    const bool surrogate = c >= 0xD800 && c < 0xE000;
    wrong += tenon::utf8_character(bytes) != (surrogate ? 0 : bytes.size());
    well_formed += tenon::utf8_character(bytes) != 0;
    if (surrogate) continue;
    wrong += tenon::utf8_decode(bytes.data(), bytes.size()) != c;
    wrong += tenon::utf8_unfinished(bytes) != 0;
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
      wrong += tenon::utf8_character(bytes.substr(0, cut)) != 0;
      wrong += tenon::utf8_unfinished(bytes.substr(0, cut)) != cut;
    }
  }
  CHECK(wrong == 0);
  CHECK(well_formed == 0x110000 - 0x800);
}

TEST_CASE("no other bytes are characters") {
  long two = 0, three = 0;
  for (int a = 0; a < 256; ++a)
    for (int b = 0; b < 256; ++b) {
      const char pair[] = {static_cast<char>(a), static_cast<char>(b)};
      two += tenon::utf8_character({pair, 2}) == 2;
      for (int c = 0; c < 256; ++c) {
        const char triple[] = {pair[0], pair[1], static_cast<char>(c)};
        three += tenon::utf8_character({triple, 3}) == 3;
      }
    }
  CHECK(two == 0x800 - 0x80);
  CHECK(three == 0x10000 - 0x800 - 0x800);
  CHECK(tenon::utf8_character("") == 0);
  for (const char* stray : {"\x80", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    CHECK(tenon::utf8_character(stray) == 0);
    CHECK(tenon::utf8_unfinished(stray) == 0);
  }
}

TEST_CASE("a stream shows whole characters, whatever the pieces, and loses no byte") {
  const std::string text = "a\u00E9\u20AC\U0001F44D\xFF\xE2\x82 b\xF0\x9F\x91";  // whole, stray, cut short in the middle and at the end
  for (std::size_t step = 1; step <= text.size(); ++step) {
    tenon::text_stream stream;
    std::string all;
    for (std::size_t at = 0; at < text.size(); at += step) {
      const std::string shown = stream.push(std::string_view(text).substr(at, step));
      CHECK(tenon::utf8_unfinished(shown) == 0);
      all += shown;
    }
    CHECK(all == text.substr(0, text.size() - 3));
    CHECK(stream.finish() == "\xF0\x9F\x91");
    CHECK(stream.finish().empty());
  }
}

TEST_CASE("the byte-level alphabet is one character for each byte, and back") {
  std::string all;
  for (int b = 0; b < 256; ++b) all += static_cast<char>(b);
  const std::string written = tenon::to_byte_level(all);
  CHECK(tenon::from_byte_level(written) == all);
  CHECK(tenon::to_byte_level(" the\n") == "\u0120the\u010A");
  for (const char* foreign : {" ", "\u0144", "\u20AC", "\xFF", "a\xC4"}) CHECK_FALSE(tenon::from_byte_level(foreign).has_value());
}

TEST_CASE("normal form C composes, orders marks, and keeps what is not text") {
  CHECK(tenon::to_nfc("plain") == "plain");
  CHECK(tenon::to_nfc("e\u0301 A\u030A \u212B") == "\u00E9 \u00C5 \u00C5");
  CHECK(tenon::to_nfc("q\u0307\u0323") == "q\u0323\u0307");
  CHECK(tenon::to_nfc("\u1112\u1161\u11AB") == "\uD55C");
  CHECK(tenon::to_nfc("\u0958\U0001D15E") == "\u0915\u093C\U0001D157\U0001D165");  // excluded from composition: longer than given
  CHECK(tenon::to_nfc("\xFF" "e\u0301\xCC") == "\xFF\u00E9\xCC");
  CHECK(tenon::to_nfc(std::string("\0e\u0301", 4)) == std::string("\0\u00E9", 3));
}
