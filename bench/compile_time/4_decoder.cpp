// A whole model: loaded, and answering.
#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/model/load.hpp>
#include <tenon/model/zoo/llama.hpp>
#include <tenon/runtime/generate.hpp>

int answer(const std::string& path, std::span<const std::int32_t> prompt) {
  const auto model = tenon::load<tenon::decoder<tenon::zoo::smollm2_135m>>(path, tenon::cpu());
  tenon::sequence text(model, 1024);
  int last = 0;
  for (const int token : tenon::generate(text, prompt)) last = token;
  return last;
}
