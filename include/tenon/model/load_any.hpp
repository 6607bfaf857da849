#pragma once
// One program, several specs: the first that fits the file is loaded.

#include <string>
#include <utility>

#include <tenon/model/load.hpp>

namespace tenon {

/// Loads `file` as the first of `Decoders` that fits it, and calls `use` with the model. When none fits, throws tenon::error
/// with the name of each spec and the first thing that differs. A spec shows itself by its member `name`.
template <class... Decoders, class Machine, class Use>
void load_any(weights_file file, const Machine& machine, Use&& use) {
  std::string verdicts;
  bool done = false;
  const auto attempt_one = [&]<class Decoder>() {
    if (done) return;
    const auto differences = fit<Decoder>(file);
    if (!differences.empty()) {
      verdicts += std::string(" ") + Decoder::spec::name + ": " + differences.front();
      return;
    }
    done = true;
    use(load<Decoder>(std::move(file), machine));
  };
  (attempt_one.template operator()<Decoders>(), ...);
  if (!done) throw error("no spec of this program fits '", detail::shown(file.path()), "'.", verdicts, " Fix: a file of one of these models, or add its spec to the program.");
}

}  // namespace tenon
