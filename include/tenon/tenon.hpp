#pragma once
// Everything that needs no third-party library. tenon/text/* and the safetensors reader come with tenon::text,
// tenon/bench.hpp with tenon::bench.

#include <tenon/core/config.hpp>
#include <tenon/core/fault.hpp>
#include <tenon/core/memory.hpp>
#include <tenon/core/number.hpp>
#include <tenon/core/storage.hpp>
#include <tenon/core/view.hpp>
#include <tenon/version.hpp>
