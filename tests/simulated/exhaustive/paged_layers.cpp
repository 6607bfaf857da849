// Models on GPUs whose layers keep other keys than one of each token, over pages: gated sparse attention drops some, as the GPU decides, tri-attention has one of
// every segment at each place. The logits of a contiguous cache bit for bit, as whole prompts and token by token, of forks and after cuts; what is dropped takes no
// page. In 8 bits: paged_layers_8bit.cpp.
#if !defined(TENON_TEST_ARCHS)
#define TENON_TEST_ARCHS tenon::sm80, tenon::sm90a, tenon::gfx942
#define TENON_TEST_CACHE tenon::bf16
#endif
#include "../device_case.hpp"
#include "../model_case.hpp"

#include <tenon/model/grouped_attention.hpp>
#include <tenon/runtime/paged_memory.hpp>

#include "../../support/reading.hpp"
#include "../../support/skipping_model.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using tenon_test::part_of, tenon_test::read, tenon_test::token_list;

// Block 0 keeps a key of each token, block 1 of some, block 2 of each and, at four places, of every fourth.
struct keeping : tenon_test::skipping<precision_policy<TENON_TEST_CACHE>> {
  static constexpr const char* name = "a model that keeps other keys";
  using blocks = stack<one<grouped_attention<layer>>, one<gated_sparse_attention<layer>>, one<tri_attention<layer>>>;
};
bool same(const skipped_work& a, const skipped_work& b) { return a.keys == b.keys && a.keys_skipped == b.keys_skipped && a.cache_bytes_saved == b.cache_bytes_saved; }

TEST_CASE("pages: the logits of a contiguous cache, forks from within a segment and after a cut, and what a gate drops takes no page") {
  const tenon_test::temporary_folder folder;
  tenon_test::write_skipping(folder / "keeping.gguf", tenon_test::block_0::is_plain);
  on_simulated_gpus([&]<class Machine>(const Machine& machine) {
    const auto model = load<decoder<keeping>>(folder / "keeping.gguf", machine);
    const token_list text = tokens_of(170);
    auto pool = pages_of(model, {.page_tokens = 128, .pages = 6});
    CHECK((pool.layers() == 2 && pool.kinds().size() == 2 && pool.beside(1).page_keys() == 128));
    sequence own(model, 200), first(model, pool);
    CHECK(first.capacity() == 6 * 128);
    CHECK(read(first, part_of(text, 0, 150)) == read(own, part_of(text, 0, 150)));
    CHECK(same(first.skipped(), own.skipped()));
    const index_t kept = 150 - first.skipped().keys_skipped;
    CHECK((kept > 5 && kept <= 128));
    CHECK(pool.free_pages() == 4);
    CHECK((pool.beside(0).free_pages() == 5 && pool.beside(1).free_pages() == 5));  // one page each: of what was kept, and of 38 segments

    auto second = first.fork();
    CHECK(pool.beside(0).free_pages() == 5);  // nothing was copied
    sequence other(model, 200);
    read(other, part_of(text, 0, 150));
    for (std::size_t turn = 0; turn < 2; ++turn) {  // alternately: each writes behind the other's back
      CHECK(read(first, part_of(text, 150 + 5 * turn, 5), 1) == read(own, part_of(text, 150 + 5 * turn, 5), 1));
      CHECK(read(second, part_of(text, 160 + 5 * turn, 5), 3) == read(other, part_of(text, 160 + 5 * turn, 5), 3));
    }
    CHECK((same(first.skipped(), own.skipped()) && same(second.skipped(), other.skipped())));
    CHECK((pool.beside(0).free_pages() == 4 && pool.beside(1).free_pages() == 4));

    // From the start of a segment on, as if what is gone had never been; a mean cannot go back into one.
    first.truncate(60), second.truncate(60), own.truncate(60);
    auto early = second.fork();
    const auto want = read(own, part_of(text, 100, 6), 1);
    CHECK(read(first, part_of(text, 100, 6), 1) == want);
    CHECK(read(early, part_of(text, 100, 6), 1) == want);
    const auto lost = [&] { return first.truncate(62), read(first, part_of(text, 0, 1)); }();
    CHECK(std::all_of(lost.begin(), lost.end(), [](float x) { return std::isnan(x); }));
    first.truncate(0), second.truncate(0), early.truncate(0);
    CHECK(pool.bytes_held() == 0);
  });
}

}  // namespace
