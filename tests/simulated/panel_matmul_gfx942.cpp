// Products with weights in panels on gfx942, executed under simulation.
#include <tenon/kernels/launch/amd/matmul.hpp>

#include "panel_matmul.hpp"

TEST_CASE("weights as they are stored on gfx942") { tenon::testing::every_panel<tenon::gfx942, tenon::amd_panel_matmul>(); }
