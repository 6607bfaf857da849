#pragma once
// Where in the source a simulated thread stands. A leaf takes the place of its caller as a defaulted argument, so that reports
// name lines of words and kernels; each distinct place becomes a small number that fits a shadow cell.

#include <cstdint>
#include <cstring>
#include <source_location>
#include <string>
#include <vector>

#include <tenon/core/config.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

using site = std::source_location;
/// The number of a place; 0 is no place.
using site_id = std::uint16_t;

/// All places that a machine has met.
class site_table {
 public:
  site_table() : sites_(1), buckets_(size, 0) {}

  /// The number of `where`, the same for the same line and column.
  site_id id(const site& where) {
    std::size_t at = (where.line() * 31u + where.column()) * 2654435761u % size;
    for (;; at = (at + 1) % size) {
      const site_id here = buckets_[at];
      if (here == 0) break;
      if (same(sites_[here], where)) return here;
    }
    if (sites_.size() > size / 2) return 0;
    buckets_[at] = static_cast<site_id>(sites_.size());
    sites_.push_back(where);
    return buckets_[at];
  }
  const site& at(site_id id) const { return sites_[id]; }

  /// "attention.hpp:120"; the file without its folders.
  std::string text(site_id id) const {
    if (id == 0) return "an unknown place";
    const char* file = sites_[id].file_name();
    const char* slash = std::strrchr(file, '/');
    return std::string(slash != nullptr ? slash + 1 : file) + ":" + std::to_string(sites_[id].line());
  }

 private:
  static constexpr std::size_t size = 8192;
  static bool same(const site& a, const site& b) {
    return a.line() == b.line() && a.column() == b.column() &&
           (a.file_name() == b.file_name() || std::strcmp(a.file_name(), b.file_name()) == 0);
  }
  std::vector<site> sites_;
  std::vector<site_id> buckets_;
};

}  // namespace simulation
TENON_KERNELS_END
