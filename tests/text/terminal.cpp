// A person at a terminal: a pseudo-terminal types, and somebody who always says the same answers.

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <tenon/text/chat.hpp>

namespace {

// Speaks a word every millisecond, with a control sequence that must not reach the terminal.
struct speaker {
  std::size_t turns = 0;
  tenon::index_t capacity() const { return 100; }
  template <class Show>
  tenon::ending ask(const std::string& words, const tenon::answer_options& how, Show&& show) {
    if (words.size() > 100) throw tenon::error("the conversation is too long. Fix: a shorter prompt.");
    ++turns;
    for (tenon::index_t i = 0; i < how.max_tokens; ++i, ::usleep(1000))
      if (!show(std::string("word\x1b[2J\u009b "))) return tenon::ending::running;
    return words == "fill" ? tenon::ending::full_cache : tenon::ending::max_tokens;
  }
};

// A chat in a process and a terminal of its own.
class typed_chat {
 public:
  explicit typed_chat(tenon::index_t max_tokens) {
    process_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
    REQUIRE(process_ >= 0);
    if (process_ > 0) return;
    int code = 1;
    try {
      speaker chat;
      tenon::chat_at_terminal(chat, {.max_tokens = max_tokens});
      std::fprintf(stderr, "left after %zu turns\n", chat.turns);
      code = 7;
    } catch (const std::exception& fault) {
      std::fprintf(stderr, "%s\n", fault.what());
    }
    std::fflush(nullptr);
    ::_exit(code);
  }
  ~typed_chat() {
    if (process_ > 0) ::kill(process_, SIGKILL), ::waitpid(process_, nullptr, 0);
    ::close(terminal_);
  }
  typed_chat(const typed_chat&) = delete;
  typed_chat& operator=(const typed_chat&) = delete;

  void type(const std::string& keys) { REQUIRE(::write(terminal_, keys.data(), keys.size()) == static_cast<ssize_t>(keys.size())); }

  // Reads until `text` has come, and returns everything up to it.
  std::string until(const std::string& text) {
    for (;;) {
      if (const auto at = seen_.find(text); at != std::string::npos) {
        std::string out = seen_.substr(0, at + text.size());
        seen_.erase(0, at + text.size());
        return out;
      }
      struct pollfd ready = {terminal_, POLLIN, 0};
      char bytes[4096];
      const ssize_t count = ::poll(&ready, 1, 60'000) == 1 ? ::read(terminal_, bytes, sizeof bytes) : 0;
      CAPTURE(text);
      CAPTURE(seen_);
      REQUIRE(count > 0);  // else it hangs, or has ended without saying so
      seen_.append(bytes, static_cast<std::size_t>(count));
    }
  }
  int exit_code() {
    int status = 0;
    REQUIRE(::waitpid(process_, &status, 0) == process_);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  int terminal_ = -1;
  pid_t process_ = -1;
  std::string seen_;
};

constexpr const char* interrupt = "\x03";
constexpr const char* end_of_input = "\x04";

}  // namespace

TEST_CASE("lines are answered until Ctrl-D") {
  typed_chat chat(8);
  chat.until("> ");
  chat.type("Hello\n");
  chat.until("(cut off after 8 tokens");
  chat.until("> ");
  chat.type("fill\n");
  chat.until("the cache of 100 tokens is full");
  chat.until("> ");
  chat.type("\n");  // nothing was said: nothing is answered
  chat.until("> ");
  chat.type(end_of_input);
  chat.until("left after 2 turns");
  CHECK(chat.exit_code() == 7);
}

TEST_CASE("Ctrl-C ends an answer and not the chat") {
  typed_chat chat(1'000'000);  // it would speak for minutes
  chat.until("> ");
  chat.type("Tell me everything\n");
  chat.until("everything\r\n");
  chat.until("word?[2J? word");  // an answer has begun
  chat.type(interrupt);
  chat.until("> ");
  chat.type("Again\n");
  chat.until("Again\r\n");
  chat.until("word");
  chat.type(interrupt);
  chat.until("> ");
  chat.type(end_of_input);
  chat.until("left after 2 turns");
  CHECK(chat.exit_code() == 7);
}

TEST_CASE("Ctrl-C where a line is expected forgets it, and twice leaves") {
  typed_chat chat(4);
  chat.until("> ");
  chat.type("half a li");
  chat.type(interrupt);
  chat.until("(Ctrl-C again to leave)");
  chat.until("> ");
  chat.type("Whole\n");
  chat.until("(cut off after 4 tokens");
  chat.until("> ");
  chat.type(interrupt);
  chat.until("> ");
  chat.type(interrupt);
  chat.until("left after 1 turns");
  CHECK(chat.exit_code() == 7);
}

TEST_CASE("a line that does not fit is refused, and the chat goes on") {
  typed_chat chat(4);
  chat.until("> ");
  chat.type(std::string(200, 'x') + "\n");
  chat.until("too long");
  chat.until("> ");
  chat.type("short\n");
  chat.until("(cut off after 4 tokens");
  chat.until("> ");
  chat.type(end_of_input);
  chat.until("left after 1 turns");
  CHECK(chat.exit_code() == 7);
}
