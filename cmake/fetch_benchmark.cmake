# Google Benchmark for tenon's own benches: the system's, else fetched.
find_package(benchmark 1.6 QUIET)
if(NOT TARGET benchmark::benchmark)
  include(FetchContent)
  set(BENCHMARK_ENABLE_TESTING OFF)
  set(BENCHMARK_ENABLE_INSTALL OFF)
  FetchContent_Declare(benchmark GIT_REPOSITORY https://github.com/google/benchmark.git GIT_TAG v1.8.3 GIT_SHALLOW ON SYSTEM)
  FetchContent_MakeAvailable(benchmark)
endif()
