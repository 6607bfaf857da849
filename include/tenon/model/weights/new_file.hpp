#pragma once
// A file that appears whole or not at all.

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tenon/core/fault.hpp>
#include <tenon/model/weights/mapped_file.hpp>

namespace tenon {

/// Writes to a temporary name beside `path`; `commit` brings the bytes to the disk and renames. Until then, and after any
/// fault, what stood at `path` is untouched and the temporary file disappears with this object. A device or a pipe at `path` is written directly.
/// Every call is checked: a full disk, a file-size limit, a closed pipe give a tenon::error and no signal.
class new_file {
 public:
  explicit new_file(std::string path) : path_(std::move(path)), at_(path_) {
    struct stat facts {};
    const bool stands = ::stat(path_.c_str(), &facts) == 0;
    if (stands && S_ISDIR(facts.st_mode)) throw error(detail::shown(path_), ": expected the name of a file to write, found a folder. Fix: name a file inside it.");
    if (stands && !S_ISREG(facts.st_mode)) {
      file_ = ::open(at_.c_str(), O_WRONLY | O_CLOEXEC);
    } else {
      temporary_ = true;
      for (int i = 0; i < 1000 && (i == 0 || (file_ < 0 && errno == EEXIST)); ++i) {
        at_ = path_ + ".partial-" + std::to_string(::getpid()) + "-" + std::to_string(i);
        file_ = ::open(at_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      }
    }
    if (file_ < 0) throw fault("cannot create it");
  }
  new_file(const new_file&) = delete;
  new_file& operator=(const new_file&) = delete;
  ~new_file() {
    if (file_ >= 0) ::close(file_);
    if (file_ >= 0 && temporary_) ::unlink(at_.c_str());
  }

  void write(std::span<const std::byte> bytes) {
    written_ += bytes.size();
    if (buffer_.size() + bytes.size() > buffered) flush();
    if (bytes.size() > buffered)
      send(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    else
      buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  /// Zeros up to a multiple of `alignment`.
  void align(std::size_t alignment) {
    while (written_ % alignment != 0) write(std::string_view("\0", 1));
  }
  /// Bytes accepted so far.
  std::uint64_t written() const noexcept { return written_; }

  /// Finishes the file. Without it nothing of it remains.
  void commit() {
    flush();
    if (temporary_ && ::fsync(file_) != 0) throw fault("cannot bring it to the disk");
    if (::close(std::exchange(file_, -1)) != 0) {
      const error closing = fault("cannot finish it");
      if (temporary_) ::unlink(at_.c_str());
      throw closing;
    }
    if (!temporary_) return;
    if (::rename(at_.c_str(), path_.c_str()) != 0) {
      const error renaming = fault("cannot give it its name");
      ::unlink(at_.c_str());
      throw renaming;
    }
    // The name too should survive a crash; a file system that cannot promise that is no reason to fail.
    const std::size_t slash = path_.rfind('/');
    const std::string folder = slash == path_.npos ? "." : path_.substr(0, slash + 1);
    if (const int opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); opened >= 0) ::fsync(opened), ::close(opened);
  }

 private:
  static constexpr std::size_t buffered = std::size_t{1} << 20;

  error fault(const char* what) const {
    return error(detail::shown(path_), ": ", what, ": ", detail::system_says(), ". Fix: free space, or choose another place.");
  }
  void flush() {
    send(buffer_.data(), buffer_.size());
    buffer_.clear();
  }
  void send(const char* bytes, std::size_t size) {
    // Beyond a file-size limit or into a closed pipe, the system sends a signal that would end the program: it is held
    // back for this thread, and taken away again if it came from here.
    sigset_t deadly, before, waiting;
    ::sigemptyset(&deadly), ::sigaddset(&deadly, SIGXFSZ), ::sigaddset(&deadly, SIGPIPE);
    ::sigpending(&waiting);
    ::pthread_sigmask(SIG_BLOCK, &deadly, &before);
    int reason = 0;
    while (size > 0 && reason == 0) {
      const ::ssize_t done = ::write(file_, bytes, size);
      if (done > 0)
        bytes += done, size -= static_cast<std::size_t>(done);
      else if (done == 0)
        reason = ENOSPC;
      else if (errno != EINTR)
        reason = errno;
    }
    if (reason == EFBIG || reason == EPIPE) {
      sigset_t mine;
      ::sigemptyset(&mine), ::sigaddset(&mine, reason == EFBIG ? SIGXFSZ : SIGPIPE);
      const timespec at_once{};
      if (::sigismember(&waiting, reason == EFBIG ? SIGXFSZ : SIGPIPE) == 0) ::sigtimedwait(&mine, nullptr, &at_once);
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (reason != 0) {
      errno = reason;
      throw fault("cannot write it");
    }
  }

  std::string path_, at_, buffer_;
  int file_ = -1;
  bool temporary_ = false;
  std::uint64_t written_ = 0;
};

}  // namespace tenon
