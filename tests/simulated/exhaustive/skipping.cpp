// A whole model whose layers skip work, on simulated GPUs beside a processor.
#include "../../support/skipping_model.hpp"
#include "../../support/temporary_folder.hpp"
#include "../device_case.hpp"

namespace {

TEST_CASE("heads and keys that a processor leaves out are left out, at once and token by token") {
  const tenon_test::temporary_folder folder;
  tenon_test::write_skipping(folder / "skipping.gguf");
  tenon::testing::on_simulated_gpus([&](const auto& machine) { tenon_test::check_skipping(machine, folder / "skipping.gguf", 31); });
}

}  // namespace
