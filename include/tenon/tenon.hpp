#pragma once
// Everything that needs no third-party library. tenon/text/* and the safetensors reader come with tenon::text,
// tenon/bench.hpp with tenon::bench.

#include <tenon/core/config.hpp>
#include <tenon/core/dual.hpp>
#include <tenon/core/fault.hpp>
#include <tenon/core/math.hpp>
#include <tenon/core/memory.hpp>
#include <tenon/core/number.hpp>
#include <tenon/core/storage.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/launch/attention.hpp>
#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/launch/embed.hpp>
#include <tenon/kernels/launch/gate.hpp>
#include <tenon/kernels/launch/matmul.hpp>
#include <tenon/kernels/launch/norm.hpp>
#include <tenon/kernels/launch/rotary.hpp>
#include <tenon/model/decoder.hpp>
#include <tenon/model/load.hpp>
#include <tenon/model/load_any.hpp>
#include <tenon/model/weights/gguf_writer.hpp>
#include <tenon/model/zoo/llama.hpp>
#include <tenon/model/zoo/qwen2.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>
#include <tenon/runtime/generate.hpp>
#include <tenon/runtime/pages.hpp>
#include <tenon/runtime/sampling.hpp>
#include <tenon/version.hpp>
