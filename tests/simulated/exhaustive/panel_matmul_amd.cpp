// Products with weights in panels, on AMD's other GPUs.
#include <tenon/kernels/launch/amd/matmul.hpp>

#include "../panel_matmul.hpp"

TEST_CASE_TEMPLATE("weights as they are stored", Arch, tenon::gfx90a, tenon::gfx1100, tenon::gfx1201) { tenon::testing::every_panel<Arch, tenon::amd_panel_matmul>(); }
