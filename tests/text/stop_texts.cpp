// A text cut before a stop text is the same however it comes in pieces.

#include <doctest/doctest.h>

#include <tenon/text/stop_texts.hpp>

namespace {

std::string cut(const std::string& text, const std::vector<std::string>& stops, const std::string& expected, std::size_t step) {
  tenon::stop_texts filter(stops);
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += step) {
    out += filter.push(std::string_view(text).substr(at, step));
    CHECK(expected.starts_with(out));  // nothing is shown that must be taken back
  }
  return out + filter.finish();
}

}  // namespace

TEST_CASE("the first stop text ends the text, in pieces of any size") {
  struct {
    std::string text;
    std::vector<std::string> stops;
    std::string expected;
  } cases[] = {
      {"one two three", {}, "one two three"},
      {"one two three", {"two"}, "one "},
      {"one two three", {"three", "two th"}, "one "},
      {"one two three", {"e t", "one two"}, "on"},
      {"one two three", {"two", "one two"}, ""},
      {"aaaaab", {"aab"}, "aaa"},
      {"abcabd", {"abcabx"}, "abcabd"},
      {"ends with st", {"stop"}, "ends with st"},
      {"\n\nUser:", {"\nUser:"}, "\n"},
  };
  for (const auto& [text, stops, expected] : cases)
    for (std::size_t step = 1; step <= text.size(); ++step) CHECK(cut(text, stops, expected, step) == expected);
  CHECK_THROWS_AS(tenon::stop_texts({"a", ""}), tenon::error);
}
