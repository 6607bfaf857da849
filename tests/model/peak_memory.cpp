// The most memory that loading and running the real model ever takes, of a process that does nothing else.
#include <doctest/doctest.h>

#include <sys/resource.h>

#include <tenon/model/load.hpp>
#include <tenon/model/zoo/llama.hpp>

#include "../support/npy.hpp"
#include "../support/real_model.hpp"

TEST_CASE("peak memory is at most 1.3 times the packed weights, the cache and the arena") {
  const std::string path = tenon_test::real_model();
  if (path.empty()) return;
  const auto peak = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) * 1024;
  };
  const double before = peak();
  const auto text = tenon_test::load_npy<std::int32_t>("smollm2/text");
  const auto model = tenon::load<tenon::decoder<tenon::zoo::smollm2_135m>>(path, tenon::cpu());
  const double loaded = peak();
  tenon::sequence sequence(model, 1024);
  sequence.read(std::span(text).first(1000));
  const auto planned = static_cast<double>(model.packed_bytes() + sequence.memory());
  MESSAGE("MB before " << before / 1e6 << ", loaded " << loaded / 1e6 << ", at the end " << peak() / 1e6 << "; planned " << planned / 1e6 << " (packed "
                       << static_cast<double>(model.packed_bytes()) / 1e6 << ")");
  CHECK(peak() <= 1.3 * planned);
}
