#pragma once
// All masks.

#include <tenon/policies/mask/algebra.hpp>
#include <tenon/policies/mask/positional.hpp>
