#pragma once
// How a conversation is written for a model: the known templates, recognised in the Jinja text that a model file carries.

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tenon/core/fault.hpp>
#include <tenon/text/utf8.hpp>

namespace tenon {

/// Who speaks.
enum class role { system, user, assistant };
constexpr std::string_view name(role r) {
  constexpr std::string_view names[] = {"system", "user", "assistant"};
  return names[static_cast<int>(r)];
}

/// One turn of a conversation.
struct message {
  role from = role::user;
  std::string text;
};

/// A stretch of a written conversation.
struct chat_part {
  enum class kind {
    text,     ///< what somebody said, and the template's own plain words: control tokens in it are text
    control,  ///< the text of one control token
    bos,      ///< the vocabulary's first token, where it has one
  } is = kind::text;
  std::string text;
};

/// A conversation format. Known are ChatML with or without a default system message (SmolLM2, Qwen 1.5 to 2.5), Llama 3 and 3.1 to 3.3,
/// DeepSeek-V3 and R1 with its distillations. Equal to rendering the file's Jinja template without tools.
class chat_template {
 public:
  /// `jinja` is the file's template. Throws tenon::error for none and for one that is not known.
  explicit chat_template(std::string_view jinja) {
    const auto has = [&](std::string_view text) { return jinja.find(text) != std::string_view::npos; };
    // Templates that rewrite what was said are other formats, even where they use the same tokens.
    const bool rewrites = has("enable_thinking") || has("reasoning_content") || has(".strip(") || has(".lstrip(");
    const bool first_token = has("bos_token");
    if (jinja.empty()) throw error("the model file has no chat template. Fix: a raw prompt (--raw), or an instruction-tuned model.");
    if (has("<|im_start|>") && has("<|im_start|>assistant") && has("<|im_end|>") && !rewrites && !has("trim") && !has("<think>") && given(jinja, "system_message").empty()) {
      format_ = format::chatml;
      begins_with_bos_ = first_token;
      default_system_ = default_system_of(jinja);
    } else if (has("<|start_header_id|>") && has("<|end_header_id|>") && has("<|eot_id|>") && !rewrites && !has("<think>") &&
               (has("Cutting Knowledge Date: December 2023") || !(has("<|start_header_id|>system") || !given(jinja, "system_message").empty()))) {
      format_ = has("Cutting Knowledge Date: December 2023") ? format::llama3_dated : format::llama3;
      begins_with_bos_ = first_token || has("<|begin_of_text|>");
      trims_ = has("trim");
      if (const auto date = given(jinja, "date_string"); !date.empty()) date_ = date;
      if (has("strftime_now")) today();
    } else if (has("<\uFF5CAssistant\uFF5C>") && has("<\uFF5CUser\uFF5C>") && has("<\uFF5Cend\u2581of\u2581sentence\uFF5C>") && !has("enable_thinking") && !has("thinking is defined") && first_token &&
               !has("<\uFF5CAssistant\uFF5C></think>") && !has("<think></think>")) {
      format_ = format::deepseek_r1;
      begins_with_bos_ = true;
      opens_thought_ = has("<\uFF5CAssistant\uFF5C><think>\\n") || has("<\uFF5CAssistant\uFF5C><think>\n");
      forgets_thoughts_ = has("</think>')[-1]") || has("</think>\")[-1]");
      answer_follows_ = has("content + '<\uFF5CAssistant\uFF5C>'") || has("message['content'] + '<\uFF5CAssistant\uFF5C>'");
    } else {
      std::string start(jinja.substr(0, 60));
      for (char& c : start) c = c >= ' ' && c <= '~' ? c : ' ';
      throw error("the file's chat template ('", start, "...') is none of ChatML, Llama 3, DeepSeek-R1 and Qwen. Fix: write the whole prompt yourself and pass it raw (--raw).");
    }
  }

  /// The conversation, and the start of the assistant's next turn. A system message comes first, if at all.
  std::vector<chat_part> render(std::span<const message> conversation) const {
    std::vector<chat_part> out;
    if (begins_with_bos_) out.push_back({chat_part::kind::bos, {}});
    switch (format_) {
      case format::chatml: chatml(conversation, out); break;
      case format::llama3: case format::llama3_dated: llama3(conversation, out); break;
      case format::deepseek_r1: deepseek_r1(conversation, out); break;
    }
    return out;
  }

 private:
  enum class format { chatml, llama3, llama3_dated, deepseek_r1 };
  using parts = std::vector<chat_part>;
  static void text(parts& out, std::string words) { out.push_back({chat_part::kind::text, std::move(words)}); }
  static void control(parts& out, std::string token) { out.push_back({chat_part::kind::control, std::move(token)}); }

  void chatml(std::span<const message> conversation, parts& out) const {
    const auto turn = [&](role from, const std::string& words) {
      control(out, "<|im_start|>");
      text(out, std::string(name(from)) + "\n" + words);
      control(out, "<|im_end|>");
      text(out, "\n");
    };
    if (!default_system_.empty() && (conversation.empty() || conversation[0].from != role::system)) turn(role::system, default_system_);
    for (const auto& m : conversation) turn(m.from, m.text);
    control(out, "<|im_start|>");
    text(out, "assistant\n");
  }

  void llama3(std::span<const message> conversation, parts& out) const {
    const auto header = [&](role from) {
      control(out, "<|start_header_id|>");
      text(out, std::string(name(from)));
      control(out, "<|end_header_id|>");
      text(out, "\n\n");
    };
    const auto turn = [&](role from, std::string words) {
      header(from);
      text(out, std::move(words));
      control(out, "<|eot_id|>");
    };
    const auto trimmed = [&](const std::string& words) { return trims_ ? without_white(words) : words; };
    if (format_ == format::llama3_dated) {
      const bool given = !conversation.empty() && conversation[0].from == role::system;
      turn(role::system, "Cutting Knowledge Date: December 2023\nToday Date: " + date_ + "\n\n" + (given ? trimmed(conversation[0].text) : ""));
      conversation = conversation.subspan(given ? 1 : 0);
    }
    for (const auto& m : conversation) turn(m.from, trimmed(m.text));
    header(role::assistant);
  }

  void deepseek_r1(std::span<const message> conversation, parts& out) const {
    std::string system;
    bool answering = false;  // the last user's turn has opened the answer
    for (const auto& m : conversation)
      if (m.from == role::system) system = m.text;
    text(out, system);
    for (const auto& m : conversation) {
      if (m.from == role::user) {
        control(out, "<\uFF5CUser\uFF5C>");
        text(out, m.text);
        if (answer_follows_) control(out, "<\uFF5CAssistant\uFF5C>");
        answering = answer_follows_;
      } else if (m.from == role::assistant) {
        // The model does not read its earlier thoughts again.
        constexpr std::string_view end = "</think>";
        const auto thought = forgets_thoughts_ ? m.text.rfind(end) : std::string::npos;
        if (!answer_follows_) control(out, "<\uFF5CAssistant\uFF5C>");
        answering = false;
        text(out, thought == std::string::npos ? m.text : m.text.substr(thought + end.size()));
        control(out, "<\uFF5Cend\u2581of\u2581sentence\uFF5C>");
      }
    }
    if (!answering) control(out, "<\uFF5CAssistant\uFF5C>");
    if (opens_thought_) text(out, "<think>\n");
  }

  // The message between '<|im_start|>system\n' and '<|im_end|>' where it is a literal of the template.
  static std::string default_system_of(std::string_view jinja) {
    constexpr std::string_view opening = "<|im_start|>system", closing = "<|im_end|>";
    for (auto at = jinja.find(opening); at != std::string_view::npos; at = jinja.find(opening, at + 1)) {
      const auto begin = at + opening.size(), end = jinja.find(closing, begin);
      if (end == std::string_view::npos) break;
      std::string words;
      for (auto i = begin; i < end; ++i) {
        const char c = jinja[i];
        if (c == '\'' || c == '"' || (c == '{' && i + 1 < end && (jinja[i + 1] == '{' || jinja[i + 1] == '%'))) {  // the literal ends here: what follows is computed
          words.clear();
          break;
        }
        if (c == '\\' && i + 1 < end) {
          const char escaped = jinja[++i];
          words += escaped == 'n' ? '\n' : escaped;
        } else {
          words += c;
        }
      }
      if (words.size() > 1 && words[0] == '\n') return words.substr(1);
    }
    return {};
  }

  // The words of its own that a template sets `name` to, and not to what was said; empty for none.
  static std::string_view given(std::string_view jinja, std::string_view name) {
    for (auto at = jinja.find(name); at != std::string_view::npos; at = jinja.find(name, at + 1)) {
      std::string_view rest = jinja.substr(at + name.size());
      const auto skip = [&] { rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size())); };
      skip();
      if (!rest.starts_with('=')) continue;
      rest.remove_prefix(1), skip();
      if (!rest.starts_with('\'') && !rest.starts_with('"')) continue;
      const auto end = rest.find(rest[0], 1);
      if (end != std::string_view::npos && end > 1) return rest.substr(1, end - 1);
    }
    return {};
  }

  // Without white space at both ends, as Python's str.strip, which Jinja's trim is.
  static std::string without_white(std::string_view words) {
    const auto white = [](std::string_view character) {
      if (character.size() == 1) return (character[0] >= '\t' && character[0] <= '\r') || (character[0] >= '\x1c' && character[0] <= ' ');
      constexpr std::string_view wide = "\u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000";
      return !character.empty() && wide.find(character) != std::string_view::npos;
    };
    std::size_t begin = words.size(), end = 0;  // of what is not white
    for (std::size_t at = 0; at < words.size();) {
      const std::size_t length = utf8_character(words.substr(at));
      if (!white(words.substr(at, length))) {
        begin = begin < at ? begin : at;
        end = at + (length == 0 ? 1 : length);
      }
      at += length == 0 ? 1 : length;
    }
    return begin < end ? std::string(words.substr(begin, end - begin)) : std::string();
  }

  void today() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    char text[32] = {};
    constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    if (::localtime_r(&now, &local) == nullptr || std::strftime(text, sizeof text, "%d  %Y", &local) == 0) return;
    date_ = std::string(text, 3) + months[local.tm_mon] + std::string(text + 3);
  }

  format format_ = format::chatml;
  std::string default_system_;
  std::string date_ = "26 Jul 2024";  // what the published template says where nothing else is set
  bool begins_with_bos_ = false, trims_ = false;                                       // Llama 3 and, the first, ChatML
  bool opens_thought_ = false, forgets_thoughts_ = false, answer_follows_ = false;  // DeepSeek
};

}  // namespace tenon
