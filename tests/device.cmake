# What stands between a kernel and a GPU. The runtimes of CUDA and HIP are played by device/fake_*.cpp, so that these run everywhere, under
# sanitizers too. Of device/, .cu and .hip run on a real GPU, or are skipped and say so; where TENON_PTXRUN names the executor of PTX, objects of
# nvcc are also linked with the runtime that is played, and executed. Those for AMD, and a whole model, are compiled with TENON_EXHAUSTIVE. Needs compile_checks.cmake and gpu.cmake, but for the first.

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
add_played(tensor_maps cuda)
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

# add_nvcc(NAME INCLUDING): device/NAME.cu on a real GPU, and as PTX. INCLUDING: -I, or -isystem as a user's build has it.
function(add_nvcc name including)
  set(object ${scratch}/device/${name}.o)
  add_custom_command(OUTPUT ${object} DEPFILE ${object}.d DEPENDS device/${name}.cu COMMENT "nvcc ${name}.cu"
    COMMAND ${CMAKE_COMMAND} -E make_directory ${scratch}/device
    COMMAND ${TENON_NVCC} -std=c++20 -ccbin ${TENON_GXX} -gencode arch=compute_80,code=compute_80 --no-compress -Werror all-warnings -Xcompiler -Wall,-Wextra
            -DTENON_TEST_DATA="" ${including} ${include} -MD -MF ${object}.d -c ${here}/device/${name}.cu -o ${object} VERBATIM)
  add_device_program(test_device_${name} ${object})
  target_link_libraries(test_device_${name} PRIVATE tenon::cuda)
  add_test(NAME device/${name} COMMAND test_device_${name})
  set_tests_properties(device/${name} PROPERTIES SKIP_RETURN_CODE 77 LABELS device TIMEOUT ${timeout})
  if(NOT TENON_PTXRUN)
    add_skip(device/executed/${name} "TENON_PTXRUN is not set")
    return()
  endif()
  add_device_program(test_device_executed_${name} ${object})
  target_link_libraries(test_device_executed_${name} PRIVATE tenon_fake_cuda)
  foreach(way IN ITEMS late early)
    add_test(NAME device/executed/${name}/${way} COMMAND test_device_executed_${name})
    set_tests_properties(device/executed/${name}/${way} PROPERTIES LABELS device TIMEOUT ${timeout} ENVIRONMENT TENON_FAKE_COPIES=${way})
  endforeach()
endfunction()
if(TARGET tenon::cuda AND TENON_NVCC AND TENON_GXX AND TARGET tenon::simulated)
  if(TENON_PTXRUN)
    add_library(tenon_fake_cuda OBJECT device/fake_cuda.cpp device/fake_cuda_kernels.cpp)
    target_include_directories(tenon_fake_cuda SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS} ${TENON_PTXRUN})
    target_link_libraries(tenon_fake_cuda PUBLIC ${TENON_PTXRUN}/libptxrun.a PRIVATE tenon_development tenon::tenon)
  endif()
  add_nvcc(parity -I)
  if(TENON_EXHAUSTIVE)  # half a minute
    add_nvcc(model -isystem)
  endif()
else()
  add_skip(device/parity "nvcc, a CUDA toolkit or Boost.Context is not found")
endif()

if(NOT TENON_EXHAUSTIVE)
  return()
endif()
# add_hip(NAME INCLUDING): device/NAME.hip, for two generations of AMD's.
function(add_hip name including)
  set(object ${scratch}/device/${name}_amd.o)
  add_custom_command(OUTPUT ${object} DEPFILE ${object}.d DEPENDS device/${name}.hip COMMENT "clang ${name}.hip"
    COMMAND ${CMAKE_COMMAND} -E make_directory ${scratch}/device
    COMMAND ${TENON_CLANG} -x hip -std=c++20 --offload-arch=gfx90a,gfx942 -DTENON_GPU=amd_gfx90a_gfx942 -nogpulib -nogpuinc -Wall -Wextra -Werror -DTENON_TEST_DATA=""
            -idirafter ${TENON_HIP_INCLUDE} ${including} ${include} -MD -MF ${object}.d -c ${here}/device/${name}.hip -o ${object} VERBATIM)
  add_device_program(test_device_${name}_amd ${object})
  target_link_libraries(test_device_${name}_amd PRIVATE tenon::hip)
  add_test(NAME device/${name}_amd COMMAND test_device_${name}_amd)
  set_tests_properties(device/${name}_amd PROPERTIES SKIP_RETURN_CODE 77 LABELS device TIMEOUT ${timeout})
endfunction()
if(TARGET tenon::hip AND TENON_CLANG AND TARGET tenon::simulated)
  add_hip(parity -I)
  add_hip(model -isystem)
else()
  add_skip(device/parity_amd "clang 19, HIP or Boost.Context is not found")
endif()
