// The kernels of attention's gradients for sm_90a, as the PTX that nvcc makes of them: executed and compared with the reference in double, and broken in
// one place at a time, where every break must show.
#include "ptx_attention_backward_case.hpp"
#include "ptx_breaks.hpp"

namespace {

using namespace tenon_test;
using tenon::sm90a;

TEST_CASE("causal: whole tiles, ragged ones, few queries over many keys, more queries than keys") { check_ptx_causal<sm90a>(); }
TEST_CASE("lengths of their own in a batch; what lies beyond them is not read, and has no gradient") { check_ptx_lengths<sm90a>(); }
TEST_CASE("a window, a soft cap and sinks that learn; also a window that leaves rows without keys") { check_ptx_capped<sm90a>(); }
TEST_CASE("documents and alibi, the heads of a group") { check_ptx_documents<sm90a>(); }
TEST_CASE("sigmoid; of heads of 128 in tiles of 32 rows") {
  check_ptx_sigmoid<sm90a>();
  ptx_backward<sm90a, back_sigmoid_128>({1, 1, 1, 70, 90}, {}, {}, {.bias = -3}).check("back_sigmoid_128");
}

TEST_CASE("rows that come one by one") {
  ptx_backward<sm90a, back_causal_64> p({2, 2, 2, 150, 290}, {}, {}, {}, {290, 270});
  p.one_by_one = true;
  p.check("back_causal_64");
}

/// One walk by itself, when what the other and facts give is there.
template <class P>
struct walk_of {
  ptx_backward<sm90a, P>& p;
  bool of_keys;

  void spoil() {
    const auto no_numbers = [](auto& all) { std::fill(all.begin(), all.end(), typename P::gradient(std::numeric_limits<float>::quiet_NaN())); };
    of_keys ? (no_numbers(p.dk), no_numbers(p.dv)) : no_numbers(p.dq);
  }
  ptx::Report launch(ptx::Module& with, const std::string& kernel, const ptx::Options& way) { return p.launch(with, kernel, way); }
  double distance() const { return p.distance(); }
};

// More tiles than stages on either side, the last keys of a sequence among others' or rows of no box, brought row by row.
TEST_CASE("every break of a kernel shows, wherever it is made") {
  for (const bool one_by_one : {false, true})
    for (const bool of_keys : {true, false}) {
      CAPTURE(one_by_one);
      ptx_backward<sm90a, back_causal_64> p({2, 1, 1, 200, 400}, {}, {}, {}, {390, 400});
      p.one_by_one = one_by_one;
      p.run("back_causal_64", {});
      REQUIRE(p.distance() <= 4e-3);
      walk_of<back_causal_64> walk{p, of_keys};
      const std::string kernel = of_keys ? "keys_back_causal_64" : "queries_back_causal_64";
      std::set<std::size_t> executed;
      for (const ptx::LineStat& line : walk.launch(p.module(), kernel, {}).lines) executed.insert(line.line);
      CHECK(break_everywhere(walk, kernel, 4e-3, breaks, &executed) >= 25);
      CHECK(break_everywhere(walk, kernel, 4e-3, breaks_of_rows, &executed) >= 8);
      p.order = ptx::Swizzle::None;
      walk.spoil();
      const ptx::Report unpermuted = walk.launch(p.module(), kernel, {});
      CHECK_FALSE((unpermuted.clean() && p.distance() <= 4e-3));
    }
}

}  // namespace
