// Compiled with the flags of the program: writes down, as a constant, which instructions it may hold.
#include <tenon/core/arch.hpp>

extern const tenon::instructions built_for;
constinit const tenon::instructions built_for = tenon::compiled_for();
