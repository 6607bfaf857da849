#pragma once
// How a text is cut into words before byte pairs are merged: the published rules, by name.

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include <tenon/core/fault.hpp>
#include <tenon/text/pattern.hpp>
#include <tenon/text/utf8.hpp>
#include <tenon/text/vocabulary.hpp>

namespace tenon {

/// The rules of one family of tokenizers. Each pattern cuts what the one before it left whole; both its matches and the gaps between them are words.
struct pre_tokenizer_style {
  std::string_view name;                      ///< the family
  std::array<std::string_view, 4> aliases;    ///< values of the GGUF key tokenizer.ggml.pre that mean it
  std::array<std::string_view, 3> patterns;   ///< as published, in the order of use
  // What the published models of the family do and a GGUF file does not say:
  normal_form form;
  merging merged;
  enum class beginning { none, bos } begins;
};

namespace detail::styles {

inline constexpr std::string_view gpt2_words = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view llama3_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view qwen2_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr auto bare = pre_tokenizer_style::beginning::none, with_bos = pre_tokenizer_style::beginning::bos;
inline constexpr pre_tokenizer_style all[] = {
    {"gpt2", {"gpt-2", "gpt2"}, {gpt2_words}, normal_form::as_given, merging::always, bare},
    {"llama3", {"llama-bpe", "llama3", "llama-v3"}, {llama3_words}, normal_form::as_given, merging::unless_whole, with_bos},
    {"qwen2", {"qwen2", "deepseek-r1-qwen"}, {qwen2_words}, normal_form::nfc, merging::always, bare},
    {"smollm", {"smollm"}, {R"(\p{N})", gpt2_words}, normal_form::as_given, merging::always, bare},
};

}  // namespace detail::styles

/// The style a GGUF file calls `name`. Throws tenon::error for one that tenon does not have.
inline const pre_tokenizer_style& find_style(std::string_view name) {
  for (const auto& style : detail::styles::all)
    for (const auto alias : style.aliases)
      if (!name.empty() && name == alias) return style;
  throw error("the tokenizer splits text by the rules '", name, "'; known are gpt-2, llama-bpe, qwen2, deepseek-r1-qwen and smollm. Fix: a model of these families.");
}

/// Cuts text into words.
class pre_tokenizer {
 public:
  explicit pre_tokenizer(const pre_tokenizer_style& style) {
    for (const auto expression : style.patterns)
      if (!expression.empty()) stages_.emplace_back(expression);
  }

  /// Calls f(word) for the words of `text`, left to right; together they are the text. A maximal run of bytes that are not UTF-8 is a
  /// word of its own (the published tokenizers refuse such text), so that any bytes at all come back from their tokens.
  template <class F>
  void each_word(std::string_view text, F&& f) const {
    while (!text.empty()) {
      const std::size_t valid = utf8_valid_prefix(text);
      if (valid > 0) cut(text.substr(0, valid), 0, f);
      text.remove_prefix(valid);
      std::size_t stray = 0;
      while (stray < text.size() && utf8_character(text.substr(stray)) == 0) ++stray;
      if (stray > 0) f(text.substr(0, stray));
      text.remove_prefix(stray);
    }
  }

 private:
  template <class F>
  void cut(std::string_view text, std::size_t stage, F& f) const {
    if (stage == stages_.size()) return f(text);
    std::size_t done = 0;
    stages_[stage].each_match(text, [&](std::size_t begin, std::size_t end) {
      if (begin > done) cut(text.substr(done, begin - done), stage + 1, f);
      cut(text.substr(begin, end - begin), stage + 1, f);
      done = end;
    });
    if (done < text.size()) cut(text.substr(done), stage + 1, f);
  }

  std::vector<pattern> stages_;
};

}  // namespace tenon
