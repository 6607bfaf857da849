// Reads the headers as text and checks the plan of the house: which room may include which, what a room may take from the
// standard library, where a preprocessor choice may stand, and how long a file may be.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct header {
  std::string path;  // relative to include/tenon: "kernels/launch/matmul.hpp"
  std::vector<std::string> lines;
  std::vector<std::string> own, foreign;  // <tenon/x> without "tenon/", and every other include
};

std::string_view trimmed(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return line;
}

/// The words after '#' of a directive, with the blanks between '#' and the first word gone; empty for any other line.
std::string_view directive(std::string_view line) {
  line = trimmed(line);
  return line.starts_with('#') ? trimmed(line.substr(1)) : std::string_view{};
}

header read(const fs::path& root, const fs::path& file) {
  header out{fs::relative(file, root).generic_string(), {}, {}, {}};
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::string_view words = directive(line);
    if (words.starts_with("include")) {
      const auto open = words.find_first_of("<\""), close = words.find_last_of(">\"");
      if (open != words.npos && close > open) {
        const std::string_view name = words.substr(open + 1, close - open - 1);
        if (name.starts_with("tenon/")) {
          out.own.emplace_back(name.substr(6));
        } else {
          out.foreign.emplace_back(words[open] == '"' ? "\"" + std::string(name) + "\"" : std::string(name));
        }
      }
    }
    out.lines.push_back(std::move(line));
  }
  return out;
}

const std::vector<header>& headers() {
  static const std::vector<header> all = [] {
    std::vector<header> found;
    const fs::path root = fs::path(TENON_INCLUDE) / "tenon";
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (entry.path().extension() == ".hpp") found.push_back(read(root, entry.path()));
    }
    std::sort(found.begin(), found.end(), [](const header& a, const header& b) { return a.path < b.path; });
    return found;
  }();
  return all;
}

/// The room of a path; the folders of kernels/ are rooms of their own.
std::string room_of(const std::string& path) {
  const auto first = path.find('/');
  if (first == path.npos) return "top";
  const std::string room = path.substr(0, first);
  if (room != "kernels") return room;
  const auto second = path.find('/', first + 1);
  return second == path.npos ? room : path.substr(0, second);
}

/// For each room the rooms that it may include, itself left out.
const std::map<std::string, std::set<std::string>>& arrows() {
  static const std::map<std::string, std::set<std::string>> rooms = [] {
    std::map<std::string, std::set<std::string>> to;
    to["core"] = {};
    to["policies"] = {"core"};
    to["kernels/shared"] = {"core", "policies"};
    to["kernels/atoms"] = {"core", "kernels/shared"};  // an atom sees policies only through kernels/shared/meaning
    to["kernels/skeletons"] = {"core", "policies", "kernels/shared"};
    to["kernels/tuning"] = {"core", "policies", "kernels/shared"};
    to["kernels/reference"] = {"core", "policies", "kernels/shared"};
    to["kernels/launch"] = {"core", "policies", "kernels/shared", "kernels/atoms", "kernels/skeletons", "kernels/tuning"};
    to["model"] = {"core", "policies", "kernels/launch"};
    to["runtime"] = {"core", "policies", "kernels/shared", "kernels/launch", "model"};
    to["text"] = {"core", "policies", "kernels/launch", "model", "runtime"};
    to["training"] = {"core", "policies", "kernels/launch", "model", "runtime"};
    return to;
  }();
  return rooms;
}

TEST_CASE("every header lies in a room") {
  REQUIRE(headers().size() > 5);
  for (const auto& file : headers()) {
    CAPTURE(file.path);
    const std::string room = room_of(file.path);
    CHECK((room == "top" || arrows().count(room) == 1));
  }
}

TEST_CASE("no arrow between rooms turns back") {
  for (const auto& file : headers()) {
    const std::string room = room_of(file.path);
    if (arrows().count(room) == 0) continue;
    for (const auto& target : file.own) {
      const std::string other = room_of(target);
      CAPTURE(file.path);
      CAPTURE(target);
      if (other == "top") {
        CHECK((target == "version.hpp" || target == "fwd.hpp"));
      } else {
        CHECK((other == room || arrows().at(room).count(other) == 1));
      }
    }
  }
}

TEST_CASE("an include names a file that exists, and in angle brackets") {
  std::set<std::string> known;
  for (const auto& file : headers()) known.insert(file.path);
  for (const auto& file : headers()) {
    for (const auto& target : file.own) {
      CAPTURE(file.path);
      CAPTURE(target);
      CHECK(known.count(target) == 1);
    }
    for (const auto& target : file.foreign) {
      CAPTURE(file.path);
      CAPTURE(target);
      CHECK(target.front() != '"');
    }
  }
}

TEST_CASE("core and policies stay within their include budget") {
  const std::set<std::string> budget = {"cstddef", "cstdint", "type_traits", "concepts", "bit", "compare", "limits", "exception"};
  // What asks the operating system or the machine, by name.
  const std::map<std::string, std::set<std::string>> system = {{"core/memory.hpp", {"sys/mman.h"}},
                                                               {"core/arch.hpp", {"cpuid.h", "sys/auxv.h", "asm/hwcap.h", "asm/prctl.h", "sys/syscall.h", "unistd.h"}}};
  for (const auto& file : headers()) {
    const std::string room = room_of(file.path);
    if (room != "core" && room != "policies") continue;
    for (const auto& target : file.foreign) {
      CAPTURE(file.path);
      CAPTURE(target);
      const auto granted = system.find(file.path);
      CHECK((budget.count(target) == 1 || (granted != system.end() && granted->second.count(target) == 1)));
    }
  }
}

TEST_CASE("a kernel file sees no heavy header") {
  const std::set<std::string> heavy = {"iostream", "istream", "ostream", "sstream", "fstream", "regex", "functional", "filesystem", "string", "string_view",
                                       "vector",   "map",     "set",     "unordered_map", "unordered_set", "thread", "future", "random", "format", "memory"};
  std::map<std::string, const header*> by_path;
  for (const auto& file : headers()) by_path[file.path] = &file;
  for (const auto& file : headers()) {
    if (!file.path.starts_with("kernels/") || file.path.starts_with("kernels/reference/")) continue;
    if (file.path.find("simulated") != std::string::npos) continue;  // runs on the host; no kernel includes it
    std::vector<const header*> open{&file};
    std::set<std::string> seen{file.path};
    while (!open.empty()) {
      const header& at = *open.back();
      open.pop_back();
      for (const auto& target : at.foreign) {
        CAPTURE(file.path);
        CAPTURE(at.path);
        CAPTURE(target);
        CHECK(heavy.count(target) == 0);
      }
      for (const auto& target : at.own) {
        if (by_path.count(target) == 1 && seen.insert(target).second) open.push_back(by_path[target]);
      }
    }
  }
}

TEST_CASE("streams, regex, functional and filesystem stay out of every header but text and bench") {
  const std::set<std::string> banned = {"iostream", "regex", "functional", "filesystem"};
  for (const auto& file : headers()) {
    if (room_of(file.path) == "text" || file.path == "bench.hpp") continue;
    for (const auto& target : file.foreign) {
      CAPTURE(file.path);
      CAPTURE(target);
      CHECK(banned.count(target) == 0);
    }
  }
}

TEST_CASE("choices of the preprocessor stand only in config, atoms, launch and the parallel engines") {
  for (const auto& file : headers()) {
    if (file.path == "core/config.hpp" || file.path.starts_with("kernels/atoms/") || file.path.starts_with("kernels/launch/") ||
        file.path.starts_with("runtime/parallel/")) {
      continue;
    }
    for (const auto& line : file.lines) {
      CAPTURE(file.path);
      CAPTURE(line);
      CHECK_FALSE(directive(line).starts_with("if"));
    }
  }
}

TEST_CASE("macros: TENON_*, at most twelve, all in config") {
  std::set<std::string> names;
  for (const auto& file : headers()) {
    for (const auto& line : file.lines) {
      const std::string_view words = directive(line);
      if (!words.starts_with("define ")) continue;
      const std::string_view rest = trimmed(words.substr(7));
      const std::string name(rest.substr(0, rest.find_first_of(" (\t")));
      CAPTURE(file.path);
      if (name == "PCRE2_CODE_UNIT_WIDTH") continue;  // which of its libraries pcre2.h declares
      if (std::find(file.lines.begin(), file.lines.end(), "#undef " + name) != file.lines.end()) continue;  // local to the file
      CAPTURE(name);
      CHECK(name.starts_with("TENON_"));
      CHECK((file.path == "core/config.hpp" || file.path == "version.hpp"));
      names.insert(name);
    }
  }
  CHECK(names.size() <= 12);
}

TEST_CASE("a file is at most 400 lines, 600 for atoms and tables, and is included once") {
  for (const auto& file : headers()) {
    const bool long_kind = file.path.starts_with("kernels/atoms/") || file.path.starts_with("kernels/tuning/") || file.path.find("table") != std::string::npos;
    CAPTURE(file.path);
    CHECK(file.lines.size() <= (long_kind ? 600u : 400u));
    CHECK(std::find(file.lines.begin(), file.lines.end(), "#pragma once") != file.lines.end());
  }
}

}  // namespace
