#pragma once
// A regular expression over UTF-8, compiled by PCRE2, with the meaning that published tokenizers give it.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <tenon/core/fault.hpp>

namespace tenon {

/// Immutable; may be used from several threads at once. Matches through machine code where PCRE2 has a compiler for this machine.
class pattern {
 public:
  /// Throws tenon::error when PCRE2 does not accept `expression`. Unicode properties and case folding; \s is Unicode's White_Space.
  explicit pattern(std::string_view expression) {
    const std::string text = spell_white_space(expression);
    int fault = 0;
    PCRE2_SIZE at = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK, &fault, &at, nullptr));
    if (!code_) throw error("the tokenizer pattern '", expression, "' is not accepted: ", sentence(fault), ". Fix: use the file's published tokenizer.");
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);  // best effort: without it matching interprets
    // The patterns are known ones that look at each character a few times: a long run of spaces is no reason to give up.
    limits_.reset(pcre2_match_context_create(nullptr));
    if (!limits_) throw error("not enough memory for a tokenizer pattern. Fix: a machine with more memory.");
    pcre2_set_match_limit(limits_.get(), std::numeric_limits<std::uint32_t>::max());
    pcre2_set_heap_limit(limits_.get(), std::numeric_limits<std::uint32_t>::max());
  }

  /// Calls f(begin, end) for every match in `text`, which must be well-formed UTF-8, from left to right. Empty matches are passed over.
  /// Throws tenon::error when a match exceeds PCRE2's limits.
  template <class F>
  void each_match(std::string_view text, F&& f) const {
    const std::unique_ptr<pcre2_match_data, release> match(pcre2_match_data_create(1, nullptr));
    if (!match) throw error("not enough memory to match a tokenizer pattern. Fix: a shorter text, or a machine with more memory.");
    const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    for (std::size_t at = 0; at < text.size();) {
      int found = pcre2_match(code_.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK, match.get(), limits_.get());
      if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(code_.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match.get(), limits_.get());
      if (found == PCRE2_ERROR_NOMATCH) return;
      if (found < 0) throw error("splitting a text of ", text.size(), " bytes failed: ", sentence(found), ". Fix: encode it in parts.");
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match.get());
      if (range[1] > range[0]) f(range[0], range[1]);
      at = range[1] > at ? range[1] : at + 1;
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0u) == 0x80u) ++at;  // stay on a character
    }
  }

 private:
  struct release {
    void operator()(pcre2_code* code) const noexcept { pcre2_code_free(code); }
    void operator()(pcre2_match_context* limits) const noexcept { pcre2_match_context_free(limits); }
    void operator()(pcre2_match_data* data) const noexcept { pcre2_match_data_free(data); }
  };

  // PCRE2's \s also takes U+180E, which left White_Space in Unicode 6.3, and \p{White_Space} needs PCRE2 10.40: so it is spelled out.
  static std::string spell_white_space(std::string_view expression) {
    constexpr std::string_view white = "\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
    std::string out;
    bool in_class = false;
    for (std::size_t i = 0; i < expression.size(); ++i) {
      const char c = expression[i];
      if (c != '\\' || i + 1 == expression.size()) {
        in_class = c == '[' || (in_class && c != ']');
        out += c;
        continue;
      }
      const char escaped = expression[++i];
      if (escaped != 's' && (escaped != 'S' || in_class))
        out += {c, escaped};
      else if (in_class)
        out += white;
      else
        out.append(escaped == 's' ? "[" : "[^").append(white).append("]");
    }
    return out;
  }

  static std::string sentence(int fault) {
    PCRE2_UCHAR text[160] = {};
    pcre2_get_error_message(fault, text, sizeof text);
    return reinterpret_cast<const char*>(text);
  }

  std::unique_ptr<pcre2_code, release> code_;
  std::unique_ptr<pcre2_match_context, release> limits_;
};

}  // namespace tenon
