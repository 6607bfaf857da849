#pragma once
// A person at a terminal: lines typed, answers interrupted.

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <tenon/core/fault.hpp>

namespace tenon {

/// While it lives, Ctrl-C raises a flag instead of ending the program. One at a time.
class interrupts {
 public:
  /// Throws tenon::error where the system has no pipe left.
  interrupts() {
    if (::pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) != 0) throw error("Ctrl-C cannot be watched: too many files are open. Fix: close some.");
    struct sigaction action = {};
    action.sa_handler = [](int) {
      const int kept = errno;
      // A byte, and not a flag alone: a wait for input that is just about to begin must not miss it, in whichever thread this runs.
      if (::write(pipe_[1], "", 1) < 0) errno = kept;
    };
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &action, &before_);
  }
  ~interrupts() {
    ::sigaction(SIGINT, &before_, nullptr);
    ::close(pipe_[0]), ::close(pipe_[1]);
  }
  interrupts(const interrupts&) = delete;
  interrupts& operator=(const interrupts&) = delete;

  bool raised() const { return ready({pipe_[0], POLLIN, 0}, {-1, 0, 0}, 0); }
  void clear() {
    char bytes[16];
    while (::read(pipe_[0], bytes, sizeof bytes) > 0) {
    }
  }
  /// Waits until standard input has something, or its end: true; or until Ctrl-C: false.
  bool wait_for_input() const { return !ready({pipe_[0], POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}, -1); }

 private:
  // Whether the first of the two is ready once one of them is.
  static bool ready(pollfd first, pollfd second, int milliseconds) {
    pollfd both[] = {first, second};
    while (::poll(both, 2, milliseconds) < 0 && errno == EINTR) {
    }
    return both[0].revents != 0;
  }

  static inline int pipe_[2] = {-1, -1};
  struct sigaction before_ = {};
};

/// Lines of standard input.
class line_reader {
 public:
  enum class outcome { line, interrupted, end };

  /// The next line, without its end, into `line`. The last one may lack its end. Throws tenon::error where reading fails.
  outcome next(std::string& line, interrupts& watched) {
    for (;;) {
      if (const auto at = buffer_.find('\n'); at != std::string::npos) {
        line = buffer_.substr(0, at);
        buffer_.erase(0, at + 1);
        return outcome::line;
      }
      if (!watched.wait_for_input()) {
        watched.clear();
        buffer_.clear();  // the terminal forgot the line, too
        return outcome::interrupted;
      }
      if (!more()) {
        line = std::exchange(buffer_, {});
        return line.empty() ? outcome::end : outcome::line;
      }
    }
  }
  /// Everything up to the end of the input, without the end of its last line.
  std::string rest() {
    while (more()) {
    }
    if (buffer_.ends_with('\n')) buffer_.pop_back();
    return std::exchange(buffer_, {});
  }

 private:
  bool more() {
    char bytes[4096];
    ssize_t count;
    while ((count = ::read(STDIN_FILENO, bytes, sizeof bytes)) < 0 && errno == EINTR) {
    }
    if (count < 0) throw error("standard input cannot be read. Fix: give the prompt on the command line.");
    buffer_.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }

  std::string buffer_;
};

inline bool input_is_terminal() { return ::isatty(STDIN_FILENO) == 1; }
inline bool output_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

/// Writes to standard output at once. On a terminal, control characters other than tab and new line become '?': an answer must not
/// move the cursor or change the title. Throws tenon::error when writing fails.
inline void print(std::string_view text) {
  std::string safe(text);
  if (output_is_terminal())
    for (std::size_t i = 0; i < safe.size(); ++i) {
      const auto c = static_cast<unsigned char>(safe[i]);
      const bool c1 = c == 0xC2 && i + 1 < safe.size() && static_cast<unsigned char>(safe[i + 1]) < 0xA0;  // U+0080 to U+009F
      if (c1) safe.erase(i, 1);
      if (c1 || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F) safe[i] = '?';
    }
  if (std::fwrite(safe.data(), 1, safe.size(), stdout) != safe.size() || std::fflush(stdout) != 0)
    throw error("the answer cannot be written. Fix: free space where standard output goes.");
}

/// The most memory that this process ever held, in MiB.
inline long peak_memory() {
  struct rusage used = {};
  ::getrusage(RUSAGE_SELF, &used);
  return used.ru_maxrss / 1024;
}

}  // namespace tenon
