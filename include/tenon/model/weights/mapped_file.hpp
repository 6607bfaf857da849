#pragma once
// A file as read-only memory.

#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tenon/core/fault.hpp>
#include <tenon/model/weights/in_quotes.hpp>

namespace tenon {

namespace detail {

/// What the last failed system call said.
inline std::string system_says() { return std::error_code(errno, std::generic_category()).message(); }

}  // namespace detail

/// A regular file mapped into memory until this object ends. Nothing is read before it is touched. The file must not be
/// shortened while it is mapped: the system then ends the program at the first access beyond the new end.
class mapped_file {
 public:
  mapped_file() = default;
  /// Throws tenon::error when `path` is no readable, non-empty regular file. `what` says what was expected there.
  explicit mapped_file(const std::string& path, const char* what = "a file") {
    const std::string name = detail::shown(path);
    // Non-blocking, because opening a pipe without a writer would wait for ever.
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) throw error(name, ": cannot open ", what, ": ", detail::system_says(), ". Fix: check the path and its permissions.");
    struct stat facts {};
    const bool known = ::fstat(file, &facts) == 0;
    const bool regular = known && S_ISREG(facts.st_mode), folder = known && S_ISDIR(facts.st_mode);
    if (regular && facts.st_size > 0) {
      size_ = static_cast<std::size_t>(facts.st_size);
      void* at = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
      if (at != MAP_FAILED) data_ = static_cast<const std::byte*>(at);
    }
    const std::string reason = detail::system_says();
    ::close(file);
    if (folder) throw error(name, ": expected ", what, ", found a folder. Fix: name a file inside it.");
    if (!regular) throw error(name, ": expected ", what, ", found something that is no regular file. Fix: give a path of a file on disk.");
    if (facts.st_size == 0) throw error(name, ": expected ", what, ", found an empty file. Fix: obtain the file again.");
    if (data_ == nullptr) throw error(name, ": cannot map ", size_, " bytes: ", reason, ". Fix: free some memory, or raise the limit on address space.");
  }
  mapped_file(mapped_file&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  mapped_file& operator=(mapped_file&& other) noexcept {
    std::swap(data_, other.data_), std::swap(size_, other.size_);
    return *this;
  }
  ~mapped_file() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  }

  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  /// Gives the pages back to the system; the next access reads them again.
  void drop_pages() const noexcept {
    if (data_ != nullptr) ::madvise(const_cast<std::byte*>(data_), size_, MADV_DONTNEED);
  }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tenon
