// A person at a terminal: a pseudo-terminal types, a small random model answers.

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <tenon/text/chat.hpp>

#include "random_chat.hpp"

namespace {

// A chat in a process and a terminal of its own.
class typed_chat {
 public:
  explicit typed_chat(tenon::index capacity, tenon::index max_tokens) {
    process_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
    REQUIRE(process_ >= 0);
    if (process_ > 0) return;
    int code = 1;
    try {
      const random_chat random;
      auto chat = random.open(capacity);
      tenon::chat_at_terminal(chat, {.temperature = 1, .max_tokens = max_tokens});
      std::fprintf(stderr, "left after %zu turns\n", chat.turns().size());
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
  typed_chat chat(512, 8);
  chat.until("> ");
  chat.type("Hello\n");
  chat.until("(cut off after 8 tokens");
  chat.until("> ");
  chat.type("\n");  // nothing was said: nothing is answered
  chat.until("> ");
  chat.type(end_of_input);
  chat.until("left after 2 turns");
  CHECK(chat.exit_code() == 7);
}

TEST_CASE("Ctrl-C ends an answer and not the chat") {
  typed_chat chat(100'000, 90'000);  // it would speak for minutes
  chat.until("> ");
  chat.type("Tell me everything\n");
  chat.until("everything\r\n");
  chat.until("e");  // an answer has begun
  chat.type(interrupt);
  chat.until("> ");
  chat.type("Again\n");
  chat.until("Again\r\n");
  chat.until("e");
  chat.type(interrupt);
  chat.until("> ");
  chat.type(end_of_input);
  chat.until("left after 4 turns");
  CHECK(chat.exit_code() == 7);
}

TEST_CASE("Ctrl-C where a line is expected forgets it, and twice leaves") {
  typed_chat chat(512, 4);
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
  chat.until("left after 2 turns");
  CHECK(chat.exit_code() == 7);
}

TEST_CASE("a line that does not fit is refused, and the chat goes on") {
  typed_chat chat(120, 4);
  chat.until("> ");
  chat.type(std::string(200, 'x') + "\n");
  chat.until("the cache has room for 120");
  chat.until("> ");
  chat.type("short\n");
  chat.until("(cut off after 4 tokens");
  chat.until("> ");
  chat.type(end_of_input);
  chat.until("left after 2 turns");
  CHECK(chat.exit_code() == 7);
}
