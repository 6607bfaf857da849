// expect: [output_gate] is not named: a gate opens whole heads or elements. Fix: output_gate = gate_per::head, or element.
#include <tenon/model/attention/output_gated.hpp>

#include "../support/layer_spec.hpp"

struct wrong : attention_parts {};
static_assert(!tenon::layer<tenon::output_gated_attention<wrong>> || tenon::block<48, tenon::output_gated_attention<wrong>>::layers == 1);
