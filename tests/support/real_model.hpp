#pragma once
// Where the real model of the tests lies, if anywhere: SmolLM2-135M-Instruct in Q4_1, as examples/run.sh obtains it.

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace tenon_test {

/// TENON_MODEL, else the cache of examples/run.sh. Where there is no such file, or the variable says `none`: says so and returns an empty
/// string.
inline std::string real_model() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  std::string path = variable("TENON_MODEL");
  if (path == "none") {
    std::printf("skipped: TENON_MODEL is none. Under sanitizers and emulators the real model takes minutes to hours; the small ones walk the same code.\n");
    return {};
  }
  if (path.empty()) {
    const std::string cache = variable("XDG_CACHE_HOME");
    path = (cache.empty() ? variable("HOME") + "/.cache" : cache) + "/tenon/SmolLM2-135M-Instruct.Q4_1.gguf";
  }
  if (std::ifstream(path).good()) return path;
  std::printf("skipped: no model at '%s'. Fix: run 'sh examples/run.sh' once, or set TENON_MODEL.\n", path.c_str());
  return {};
}

}  // namespace tenon_test
