// The same for sm_90a.
#define TENON_TEST_STORED_KERNELS stored_kernels<absent_leaf, tenon::sm90a_panel_matmul, tenon::panel_tensor_body>
#include "ptx_stored.cpp"
