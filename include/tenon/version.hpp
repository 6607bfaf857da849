#pragma once
/// The version of tenon: 10000 major + 100 minor + patch. CMakeLists.txt reads this line: it is the only place that says it.
#define TENON_VERSION 100
