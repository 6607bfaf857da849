#pragma once
// All masks: which keys a query may see.

#include <tenon/policies/mask/algebra.hpp>
#include <tenon/policies/mask/listed.hpp>
#include <tenon/policies/mask/positional.hpp>
#include <tenon/policies/mask/sequences.hpp>
