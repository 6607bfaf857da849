// The same with heads of 128, for CDNA: the walk that keeps keys takes the registers of a whole SIMD.

#include "attention_backward.hip"

TENON_TEST_WALKS(back_causal_128, 1)
TENON_TEST_ROWS(back_causal_128)
TENON_TEST_WALKS(back_capped_128, 1)
TENON_TEST_ROWS(back_capped_128)

extern "C" __attribute__((global, amdgpu_flat_work_group_size(128, 128))) void sinks_back_capped_128(tenon::attention_backward_arguments<tenon_test::back_capped_128> arguments) {
  tenon::attention_backward_sinks_kernel<leaf, 128>(arguments);
}
