#pragma once
// All scores: what becomes of q . k before it is weighed.

#include <tenon/policies/score/algebra.hpp>
#include <tenon/policies/score/biases.hpp>
