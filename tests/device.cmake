# What stands between a kernel and a GPU. The runtimes of CUDA and HIP are played by device/fake_*.cpp, so that these run everywhere, under
# sanitizers too; parity.cu and parity.hip run on a real GPU, or are skipped and say so. What is missing is left out and says so.
find_package(CUDAToolkit QUIET)
find_path(TENON_HIP_INCLUDE hip/hip_runtime_api.h PATHS /opt/rocm/include)
find_library(TENON_HIP_LIBRARY amdhip64 PATHS /opt/rocm/lib)

# add_device_test(NAME SOURCE...): a program over a runtime that is played.
function(add_device_test name)
  string(REPLACE "/" "_" target test_${name})
  add_executable(${target} ${ARGN})
  target_link_libraries(${target} PRIVATE tenon_test_main tenon_development)
  add_test(NAME ${name} COMMAND ${target})
  set_tests_properties(${name} PROPERTIES LABELS device TIMEOUT ${timeout})
endfunction()

if(CUDAToolkit_FOUND)
  add_device_test(device/nvidia device/nvidia.cpp device/fake_cuda.cpp)
  target_include_directories(test_device_nvidia SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
else()
  message(STATUS "test device/nvidia left out: no CUDA toolkit, whose headers it needs")
endif()
if(TENON_HIP_INCLUDE)
  add_device_test(device/amd device/amd.cpp device/fake_hip.cpp)
  target_include_directories(test_device_amd SYSTEM PRIVATE ${TENON_HIP_INCLUDE})
  target_compile_definitions(test_device_amd PRIVATE __HIP_PLATFORM_AMD__)
else()
  message(STATUS "test device/amd left out: no HIP headers; Debian: libamdhip64-dev")
endif()
