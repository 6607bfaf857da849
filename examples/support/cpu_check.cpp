// Compiled for the plainest processor of the family and run before anything else of the program: a program built on another
// machine ends with a sentence, and not with an illegal instruction.
#include <tenon/core/arch.hpp>

extern const tenon::instructions built_for;  // defined in built_for.cpp, which has the program's flags

// 101 is the first priority that programs may use: before every other constructor of this one.
[[gnu::init_priority(101)]] const tenon::instruction_guard guard(built_for);
