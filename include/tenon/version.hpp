#pragma once
/// The version of tenon. CMakeLists.txt reads these three lines: they are the only place that says it.
#define TENON_VERSION_MAJOR 0
#define TENON_VERSION_MINOR 1
#define TENON_VERSION_PATCH 0
