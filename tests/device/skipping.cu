// A model whose layers skip work on nvidia{0}, its decoding step a graph: on a real GPU, else skipped; linked with fake_cuda.cpp instead of CUDA's runtime,
// executed as PTX on the processor.
#define DOCTEST_CONFIG_IMPLEMENT
#include <tenon/kernels/launch/nvidia/machine.hpp>
#include <tenon/runtime/paged_on_device.hpp>

#include "../support/reading.hpp"
#include "../support/skipping_model.hpp"
#include "../support/temporary_folder.hpp"

TEST_CASE("heads and keys that a processor leaves out are left out, at once and in a step that is recorded") {
  const tenon_test::temporary_folder folder;
  tenon_test::write_skipping(folder / "skipping.gguf");
  tenon_test::check_skipping(tenon::nvidia{0}, folder / "skipping.gguf", 31);
}

TEST_CASE("over pages, a step that is recorded has the bits of a contiguous cache, and so has a fork's; what a gate drops takes no page") {
  using tenon_test::part_of, tenon_test::read;
  const tenon_test::temporary_folder folder;
  tenon_test::write_skipping(folder / "skipping.gguf");
  const auto model = tenon::load<tenon_test::skipping_in_bf16>(folder / "skipping.gguf", tenon::nvidia{0});
  tenon_test::token_list text;
  for (std::uint32_t i = 0; i < 138; ++i) text.push_back(static_cast<std::int32_t>((i * 2654435761u >> 7) % 288));
  auto pool = pages_of(model, {.page_tokens = 128, .pages = 6});
  tenon::sequence own(model, 138), other(model, 138);
  tenon::sequence first(model, pool);
  CHECK(read(first, part_of(text, 0, 126)) == read(own, part_of(text, 0, 126)));
  read(other, part_of(text, 0, 126));
  auto second = first.fork();
  for (std::size_t i = 126; i < 132; ++i) {
    CHECK(read(first, part_of(text, i, 1)) == read(own, part_of(text, i, 1)));
    CHECK(read(second, part_of(text, i + 6, 1)) == read(other, part_of(text, i + 6, 1)));
  }
  CHECK(pool.free_pages() == 2);  // of tokens: two each
  CHECK((first.skipped().keys_skipped == own.skipped().keys_skipped && second.skipped().keys_skipped == other.skipped().keys_skipped));
}

using device = tenon::nvidia;
#include "device_main.hpp"
