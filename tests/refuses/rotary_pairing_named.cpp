// expect: [rotary.pairing] has no default: models differ. Fix: name it, .pairing = halves (llama, qwen) or interleaved.
#include <tenon/policies/position.hpp>

constexpr auto position = tenon::rotary{.theta = 1e5f};
