// expect: [precision] asks for products of e4m3, and the machine has no instruction. Fix: as_stored, or sm_89, sm_90a, gfx942, gfx1201.
#include <tenon/kernels/launch/simulated_gpus.hpp>
#include <tenon/tenon.hpp>

struct eight_bits : tenon::zoo::smollm2_135m {
  static constexpr auto precision = tenon::e4m3_products;
};
void run(const tenon::simulated<tenon::sm80>& machine) { tenon::load<tenon::decoder<eight_bits>>("model.gguf", machine); }
