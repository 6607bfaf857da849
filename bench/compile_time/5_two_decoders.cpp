// As 4_decoder, and a second spec of the same family and head dim beside it: the difference is the price of one more spec.
#include "4_decoder.cpp"

struct shallow : tenon::zoo::smollm2_135m {
  static constexpr tenon::decoder_spec shape{.width = 576, .blocks = 12, .vocabulary = 49152, .tied_head = tenon::head::tied, .epsilon = 1e-5f};
};

int answer_shallow(const std::string& path, std::span<const std::int32_t> prompt) {
  const auto model = tenon::load<tenon::decoder<shallow>>(path, tenon::cpu());
  tenon::sequence text(model, 1024);
  int last = 0;
  for (const int token : tenon::generate(text, prompt)) last = token;
  return last;
}
