// A whole model whose layers skip work, on simulated GPUs beside a processor.
#include <tenon/kernels/launch/simulated_gpus.hpp>

#include "../../support/skipping_model.hpp"
#include "../../support/temporary_folder.hpp"

namespace {

TEST_CASE("heads and keys that a processor leaves out are left out, at once and token by token") {
  const tenon_test::temporary_folder folder;
  tenon_test::write_skipping(folder / "skipping.gguf");
  const tenon::simulated<tenon::sm80> nvidia({.schedule = tenon::simulation::schedule::reversed});
  tenon_test::check_skipping(nvidia, folder / "skipping.gguf", 31);
  CHECK(nvidia.report().clean());
  const tenon::simulated<tenon::gfx942> amd({.schedule = tenon::simulation::schedule::random, .copies = tenon::simulation::copies::eager});
  tenon_test::check_skipping(amd, folder / "skipping.gguf", 31);
  CHECK(amd.report().clean());
}

}  // namespace
