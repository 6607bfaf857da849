// Products with weights in panels on sm_90a, executed under simulation.
#include "../panel_matmul.hpp"

TEST_CASE("weights as they are stored on sm90a") { tenon::testing::every_panel<tenon::sm90a, tenon::sm90a_panel_matmul>(); }
