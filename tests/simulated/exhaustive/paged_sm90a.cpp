// Attention over a cache in pages on sm_90a, by its own kernels.
#define TENON_TEST_ARCHS tenon::sm90a
#include "../paged.cpp"

namespace {

struct of_pages {
  using mask = causal;
  using score = scaled;
  using weighting = softmax;
  using out = bf16;
  using keys = paged_keys;
  static constexpr int dim = 64, group = 1;
};

TEST_CASE("sequences that lie apart by other than whole heads are refused") {
  using words = sm90a_attention<simulated<sm90a>::leaf, of_pages>;
  const simulated<sm90a> machine;
  alignas(128) static bf16 pool[2 * 128 * 64];
  const page_table pages{.table = nullptr, .page_keys = 128, .page_stride = 2 * 128 * 64};
  attention_arguments<of_pages> call{};
  call.keys = pool, call.values = pool + 128 * 64, call.kv_heads = 1, call.cache_head = 128 * 64, call.cache_batch = 5 * 128 * 64, call.pages = pages;
  CHECK(kernel_detail::maps_of<words>(machine, call, 2, 128).heads_apart == 5);
  call.cache_batch += 64;
  CHECK_THROWS_WITH_AS(kernel_detail::maps_of<words>(machine, call, 2, 128), doctest::Contains("[cache_batch] of a call in pages is 41024"), error);
  CHECK_NOTHROW(kernel_detail::maps_of<words>(machine, call, 1, 128));  // of one sequence nobody asks
}

}  // namespace
