// The same for sm_90a.
#define TENON_TEST_STORED_KERNELS stored_kernels<absent_leaf, tenon::sm90a_panel_matmul, tenon::panel_tensor_body>
#define TENON_TEST_GATED_WORDS tenon::sm90a_matmul<absent_leaf, tenon::bf16, 2>
#include "ptx_stored.cpp"
