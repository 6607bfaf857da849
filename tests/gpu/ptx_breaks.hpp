#pragma once
// Breaks the PTX of a kernel, of sm_90a where nothing else is said: a wait, a fence, an arrival left out or done wrong, line by line.

#include <fstream>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "ptx_launch.hpp"

namespace tenon_test {

/// One kernel as text that can be broken: what stands before all kernels, and its lines.
struct kernel_text {
  std::string name, before;
  std::vector<std::string> lines;
  std::size_t first = 0;  ///< number of lines[0] in the file, counted from 1

  explicit kernel_text(const std::string& kernel) : name(kernel) {
    std::ifstream in(TENON_TEST_PTX);
    bool own = false, any = false;
    std::size_t number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      if (line.find(".entry ") != line.npos) own = line.find(".entry " + kernel + "(") != line.npos, any = true;
      if (own && lines.empty()) first = number;
      if (own)
        lines.push_back(line);
      else if (!any)
        before += line + "\n";
    }
  }
  /// With line `at` replaced.
  ptx::Module with(std::size_t at, const std::string& line) const {
    std::string all = before;
    for (std::size_t i = 0; i < lines.size(); ++i) all += (i == at ? line : lines[i]) + "\n";
    return ptx::load(all);
  }
};

/// Replaces the one `from` in a line.
inline std::string replaced(std::string line, const std::string& from, const std::string& to) { return line.replace(line.find(from), from.size(), to); }

// Every line that says `what` is broken by itself.
struct break_of {
  const char *says, *what;
  std::string (*make)(const std::string& line);
};
inline const break_of breaks[] = {
    {"a wait for a phase left out", "mbarrier.try_wait", [](const std::string&) { return std::string("setp.eq.b32 done, 0, 0;"); }},
    {"a wait for the wrong phase", "mbarrier.try_wait",
     [](const std::string& line) {
       const std::size_t comma = line.rfind(','), end = line.rfind(';');
       return "{ .reg .b32 other; xor.b32 other, " + line.substr(comma + 1, end - comma - 1) + ", 1; " + line.substr(0, comma) + ", other; }";
     }},
    {"the barrier left out", "bar.sync", [](const std::string&) { return std::string(); }},
    {"a wait for products left out", "wgmma.wait_group", [](const std::string&) { return std::string(); }},
    {"a group of products not closed", "wgmma.commit_group", [](const std::string&) { return std::string(); }},
    {"a stage not freed", "mbarrier.arrive.shared::cta", [](const std::string&) { return std::string(); }},
    {"a product subtracted", "more, 1, 1, 0, 0;", [](const std::string& line) { return replaced(line, "more, 1, 1, 0, 0;", "more, 1, -1, 0, 0;"); }},
    {"no bytes announced", "mbarrier.arrive.expect_tx", [](const std::string& line) { return replaced(line.substr(0, line.rfind(',')) + ";", "arrive.expect_tx", "arrive"); }},
    {"a copy from the next key", "cp.async.bulk.tensor",
     [](const std::string& line) {
       const std::size_t open = line.find('{'), first = line.find(',', open), second = line.find_first_of(",}", first + 1);
       return "{ .reg .b32 other; add.s32 other, " + line.substr(first + 1, second - first - 1) + ", 1; " + line.substr(0, first + 1) + " other" + line.substr(second) + " }";
     }},
    {"the wrong barrier count", "mbarrier.init",
     [](const std::string& line) {
       const std::size_t comma = line.rfind(','), end = line.rfind(';');
       return "{ .reg .b32 other; add.s32 other, " + line.substr(comma + 1, end - comma - 1) + ", 1; " + line.substr(0, comma) + ", other; }";
     }},
};

// Of operands that come row by row too, and of products whose right operand is their depth.
inline const break_of breaks_of_rows[] = {
    {"a wait for rows left out", "cp.async.wait_group", [](const std::string&) { return std::string(); }},
    {"a fence before products left out", "fence.proxy.async", [](const std::string&) { return std::string(); }},
    {"the depth taken as rows", "more, 1, 1, 1;", [](const std::string& line) { return replaced(line, "more, 1, 1, 1;", "more, 1, 1, 0;"); }},
};

/// Breaks each line that one of `rows` is about, one line at a time; each must show, as a fault or in a result. Returns how many there were. executed: the lines of
/// the file that the kernel ran, where it need not have run all.
template <class Problem>
int break_everywhere(Problem& p, const std::string& kernel, double bound, std::span<const break_of> rows = breaks, const std::set<std::size_t>* executed = nullptr) {
  const kernel_text whole(kernel);
  REQUIRE(whole.lines.size() > 100);
  int tried = 0;
  for (const break_of& row : rows) {
    std::size_t met = 0;
    for (std::size_t at = 0; at < whole.lines.size(); ++at) {
      if (whole.lines[at].find(row.what) == whole.lines[at].npos || (executed != nullptr && !executed->contains(whole.first + at))) continue;
      ++met;
      CAPTURE(kernel);
      INFO(std::string(row.says));
      CAPTURE(met);
      ptx::Module wrong = whole.with(at, row.make(whole.lines[at]));
      std::string by;
      for (const ptx::Options& way : ptx_ways()) {
        if (!by.empty()) break;
        p.spoil();
        const ptx::Report report = p.launch(wrong, kernel, way);
        if (!report.clean())
          by = report.faults.empty() ? std::string("unfinished") : report.faults.front().message;
        else if (report.wgmma_serialised != 0)
          by = "sums used while products run, which a compiler would make wait";
        else if (!(p.distance() <= bound))
          by = "result";
      }
      CHECK(!by.empty());
      MESSAGE(kernel, ", ", std::string(row.says), ", ", met, ": ", by.substr(0, 80));
      ++tried;
    }
    CHECK(met > 0);
  }
  return tried;
}

}  // namespace tenon_test
