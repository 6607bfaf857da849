#pragma once
// As little of a GPU's runtime as launch asks for.
#include <tenon/kernels/launch/gpu/with_arch.hpp>

struct some_runtime {
  using stream = void*;
  using event = int*;
  static constexpr const char *machine = "some", *vendor = "some", *fix_launch = "";
  static const char* text(int) { return ""; }
  static void forget_error() {}
  static tenon::gpu_outcome count(int* to) { return *to = 1, tenon::gpu_outcome{0, ""}; }
  static tenon::gpu_outcome use(int) { return {0, ""}; }
  static tenon::gpu_outcome facts(int, tenon::device_facts*) { return {0, ""}; }
  static tenon::gpu_outcome allow_shared(const void*, std::size_t) { return {0, ""}; }
  static tenon::gpu_outcome launch(const void*, tenon::gpu_extent, tenon::gpu_extent, void**, std::size_t, stream) { return {0, ""}; }
};
struct some_arch {
  static constexpr const char* name = "some";
  static constexpr std::size_t shared_limit = 1024;
  struct leaf {};
};
