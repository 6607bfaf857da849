// A model whose layers skip work on nvidia{0}, its decoding step a graph: on a real GPU, else skipped; linked with fake_cuda.cpp instead of CUDA's runtime,
// executed as PTX on the processor.
#define DOCTEST_CONFIG_IMPLEMENT
#include <tenon/kernels/launch/nvidia/machine.hpp>
#include <tenon/model/on_device.hpp>

#include "../support/skipping_model.hpp"
#include "../support/temporary_folder.hpp"

TEST_CASE("heads and keys that a processor leaves out are left out, at once and in a step that is recorded") {
  const tenon_test::temporary_folder folder;
  tenon_test::write_skipping(folder / "skipping.gguf");
  tenon_test::check_skipping(tenon::nvidia{0}, folder / "skipping.gguf", 31);
}

using device = tenon::nvidia;
#include "device_main.hpp"
