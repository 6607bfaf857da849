// Products with weights in panels on sm80, executed under simulation.
#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "panel_matmul.hpp"

TEST_CASE("weights as they are stored on sm80") { tenon::testing::every_panel<tenon::sm80, tenon::nvidia_panel_matmul>(); }
