#pragma once
// A person at a terminal: lines typed, answers interrupted.

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

#include <tenon/core/fault.hpp>

namespace tenon {

/// While it lives, Ctrl-C raises a flag instead of ending the program. One at a time.
class interrupts {
 public:
  interrupts() {
    struct sigaction action = {};
    action.sa_handler = [](int) { raised_ = 1; };  // no SA_RESTART: a read of the terminal returns
    ::sigaction(SIGINT, &action, &before_);
  }
  ~interrupts() { ::sigaction(SIGINT, &before_, nullptr); }
  interrupts(const interrupts&) = delete;
  interrupts& operator=(const interrupts&) = delete;

  bool raised() const { return raised_ != 0; }
  void clear() { raised_ = 0; }

 private:
  static inline volatile std::sig_atomic_t raised_ = 0;
  struct sigaction before_ = {};
};

/// Lines of standard input.
class line_reader {
 public:
  enum class outcome { line, interrupted, end };

  /// The next line, without its end, into `line`. The last one may lack its end. Throws tenon::error where reading fails.
  outcome next(std::string& line) {
    for (;;) {
      if (const auto at = buffer_.find('\n'); at != std::string::npos) {
        line = buffer_.substr(0, at);
        buffer_.erase(0, at + 1);
        return outcome::line;
      }
      if (const auto got = more(); got == outcome::interrupted) {
        buffer_.clear();  // the terminal forgot the line, too
        return got;
      } else if (got == outcome::end) {
        line = std::exchange(buffer_, {});
        return line.empty() ? outcome::end : outcome::line;
      }
    }
  }
  /// Everything up to the end of the input.
  std::string rest() {
    while (more() != outcome::end) {
    }
    return std::exchange(buffer_, {});
  }

 private:
  outcome more() {
    char bytes[4096];
    const auto count = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) return outcome::interrupted;
    if (count < 0) throw error("standard input cannot be read. Fix: give the prompt on the command line.");
    buffer_.append(bytes, static_cast<std::size_t>(count));
    return count == 0 ? outcome::end : outcome::line;
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
    for (char& c : safe)
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F) c = '?';
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
