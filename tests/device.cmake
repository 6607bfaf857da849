# What stands between a kernel and a GPU. The runtimes of CUDA and HIP are played by device/fake_*.cpp, so that these run everywhere, under
# sanitizers too. device/parity.cu and .hip run on a real GPU, or are skipped and say so; where TENON_PTXRUN names the executor of PTX, the
# object of parity.cu is also linked with the runtime that is played, and executed. Needs compile_checks.cmake and gpu.cmake, but for the first.

# add_played(VENDOR TARGET MISSING): device/VENDOR.cpp over a runtime that is played, with the vendor's headers.
function(add_played vendor runtime)
  if(NOT TARGET tenon::${runtime})
    message(STATUS "test device/${vendor} left out: tenon::${runtime} ${tenon_${runtime}_missing}")
    return()
  endif()
  add_executable(test_device_${vendor} device/${vendor}.cpp device/fake_${runtime}.cpp)
  target_link_libraries(test_device_${vendor} PRIVATE tenon_test_main tenon_development)
  if(runtime STREQUAL "cuda")
    target_include_directories(test_device_${vendor} SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
  else()
    target_include_directories(test_device_${vendor} SYSTEM PRIVATE ${TENON_HIP_INCLUDE})
    target_compile_definitions(test_device_${vendor} PRIVATE __HIP_PLATFORM_AMD__)
  endif()
  add_test(NAME device/${vendor} COMMAND test_device_${vendor})
  set_tests_properties(device/${vendor} PROPERTIES LABELS device TIMEOUT ${timeout})
endfunction()
add_played(nvidia cuda)
add_played(amd hip)

if(TENON_SANITIZE OR CMAKE_CROSSCOMPILING)
  return()
endif()

# add_skip(NAME REASON)
function(add_skip name reason)
  add_test(NAME ${name} COMMAND sh -c "echo 'skipped: ${reason}'; exit 77")
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 LABELS device)
endfunction()
# add_device_program(TARGET OBJECT SOURCE...): a program of an object that a GPU's compiler made.
function(add_device_program target object)
  set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  add_executable(${target} ${object} ${ARGN})
  target_link_libraries(${target} PRIVATE tenon_development tenon::simulated)
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX)
endfunction()

if(TARGET tenon::cuda AND TENON_NVCC AND TENON_GXX AND TARGET tenon::simulated)
  set(object ${scratch}/device/parity_nvidia.o)
  add_custom_command(OUTPUT ${object} DEPFILE ${object}.d DEPENDS device/parity.cu COMMENT "nvcc parity.cu"
    COMMAND ${CMAKE_COMMAND} -E make_directory ${scratch}/device
    COMMAND ${TENON_NVCC} -std=c++20 -O2 -ccbin ${TENON_GXX} -gencode arch=compute_80,code=[sm_80,compute_80] --no-compress -Werror all-warnings -Xptxas -warn-spills,-Werror
            -Xcompiler -Wall,-Wextra -I${include} -MD -MF ${object}.d -c ${here}/device/parity.cu -o ${object} VERBATIM)
  add_device_program(test_device_parity_nvidia ${object})
  target_link_libraries(test_device_parity_nvidia PRIVATE tenon::cuda)
  add_test(NAME device/parity/nvidia COMMAND test_device_parity_nvidia)
  set_tests_properties(device/parity/nvidia PROPERTIES SKIP_RETURN_CODE 77 LABELS device TIMEOUT ${timeout})
  if(TENON_PTXRUN)
    add_device_program(test_device_executed ${object} device/fake_cuda.cpp device/fake_cuda_kernels.cpp)
    target_include_directories(test_device_executed SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS} ${TENON_PTXRUN})
    target_link_libraries(test_device_executed PRIVATE ${TENON_PTXRUN}/libptxrun.a)
    foreach(way IN ITEMS late early)
      add_test(NAME device/executed/${way} COMMAND test_device_executed)
      set_tests_properties(device/executed/${way} PROPERTIES LABELS device TIMEOUT ${timeout} ENVIRONMENT TENON_FAKE_COPIES=${way})
    endforeach()
  else()
    add_skip(device/executed "TENON_PTXRUN is not set")
  endif()
else()
  add_skip(device/parity/nvidia "nvcc, a CUDA toolkit or Boost.Context is not found")
endif()

if(TARGET tenon::hip AND TENON_CLANG AND TARGET tenon::simulated)
  set(object ${scratch}/device/parity_amd.o)
  add_custom_command(OUTPUT ${object} DEPFILE ${object}.d DEPENDS device/parity.hip COMMENT "clang parity.hip"
    COMMAND ${CMAKE_COMMAND} -E make_directory ${scratch}/device
    COMMAND ${TENON_CLANG} -x hip -std=c++20 -O2 --offload-arch=gfx942 -DTENON_GPU=amd_gfx942 -nogpulib -nogpuinc -Wall -Wextra -Werror
            -idirafter ${TENON_HIP_INCLUDE} -I${include} -MD -MF ${object}.d -c ${here}/device/parity.hip -o ${object} VERBATIM)
  add_device_program(test_device_parity_amd ${object})
  target_link_libraries(test_device_parity_amd PRIVATE tenon::hip)
  add_test(NAME device/parity/amd COMMAND test_device_parity_amd)
  set_tests_properties(device/parity/amd PROPERTIES SKIP_RETURN_CODE 77 LABELS device TIMEOUT ${timeout})
else()
  add_skip(device/parity/amd "clang 19, HIP or Boost.Context is not found")
endif()
