# Tests that run compilers: headers alone, refusals, consumers, links.
find_program(TENON_GXX NAMES g++-14 g++-13 g++-12 g++)
find_program(TENON_CLANG NAMES clang++-21 clang++-20 clang++-19)
find_program(TENON_NVCC NAMES nvcc PATHS /usr/local/cuda/bin)
find_program(TENON_AARCH64_GXX aarch64-linux-gnu-g++)
option(TENON_CUDA "Fail, not skip, where nvcc is missing" OFF)
option(TENON_HIP "Fail, not skip, where clang for AMD GPUs is missing" OFF)
if(TENON_CUDA AND NOT TENON_NVCC)
  message(FATAL_ERROR "TENON_CUDA needs nvcc, which is not found. Fix: install the CUDA toolkit, or set TENON_NVCC to its path.")
endif()
if(TENON_HIP AND NOT TENON_CLANG)
  message(FATAL_ERROR "TENON_HIP needs clang 19 or newer, which is not found. Fix: install clang-19, or set TENON_CLANG to its path.")
endif()

set(here ${CMAKE_CURRENT_SOURCE_DIR})
set(include ${PROJECT_SOURCE_DIR}/include)
set(scratch ${CMAKE_CURRENT_BINARY_DIR})
set(warnings -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)

# add_check(NAME NEEDED COMMAND...): a test where the program NEEDED is there, else one that is skipped and says why.
function(add_check name needed)
  if(${needed})
    add_test(NAME ${name} COMMAND sh ${ARGN})
  else()
    add_test(NAME ${name} COMMAND sh -c "echo 'skipped: ${needed} is not found'; exit 77")
  endif()
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 900)
endfunction()

# With all instructions (g++), with none (clang) and for Arm, so that every side of every choice is seen.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(widest -march=x86-64-v4 -mavx512vnni -mavx512bf16)
endif()
add_check(headers/g++ TENON_GXX ${here}/headers/check.sh ${include} tenon ${TENON_GXX} ${warnings} ${widest})
add_check(headers/clang++ TENON_CLANG ${here}/headers/check.sh ${include} tenon ${TENON_CLANG} ${warnings})
# The headers of the other rooms would need Arm's copies of third-party libraries.
add_check(headers/aarch64 TENON_AARCH64_GXX ${here}/headers/check.sh ${include} "tenon/(core|policies|kernels)/" ${TENON_AARCH64_GXX} ${warnings} -march=armv8.2-a+dotprod)
set_tests_properties(headers/g++ headers/clang++ PROPERTIES COST 1000)  # the longest: first, so that others run beside them
add_check(headers/nvcc TENON_NVCC ${here}/headers/check_device.sh ${include} ${scratch}/headers nvcc ${TENON_NVCC})
add_check(headers/hip TENON_CLANG ${here}/headers/check_device.sh ${include} ${scratch}/headers hip ${TENON_CLANG})

file(GLOB sources RELATIVE ${here} CONFIGURE_DEPENDS refuses/*.cpp)
foreach(source IN LISTS sources)
  string(REGEX REPLACE "\\.cpp$" "" name ${source})
  add_check(${name}/g++ TENON_GXX ${here}/refuses/check.sh ${here}/${source} ${include} ${TENON_GXX})
  add_check(${name}/clang++ TENON_CLANG ${here}/refuses/check.sh ${here}/${source} ${include} ${TENON_CLANG})
endforeach()

if(TARGET tenon::hip)
  set(TENON_CLANG_AND_HIP ${TENON_CLANG})
endif()
foreach(way IN ITEMS subdirectory package fetched)
  add_check(consumers/${way} CMAKE_CXX_COMPILER ${here}/consumers/check.sh ${way} ${PROJECT_SOURCE_DIR} ${scratch}/consumers/${way} ${CMAKE_CXX_COMPILER})
endforeach()

add_check(consumers/cuda TENON_NVCC ${here}/consumers/check_gpu.sh cuda ${PROJECT_SOURCE_DIR} ${scratch}/consumers/cuda g++ ${TENON_NVCC})
if(TENON_EXHAUSTIVE)
  add_check(consumers/hip TENON_CLANG_AND_HIP ${here}/consumers/check_gpu.sh hip ${PROJECT_SOURCE_DIR} ${scratch}/consumers/hip g++ ${TENON_CLANG})
endif()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_check(link/march/g++ TENON_GXX ${here}/link/check_march.sh ${here}/link ${include} ${scratch}/link/gxx ${TENON_GXX})
  add_check(link/march/clang++ TENON_CLANG ${here}/link/check_march.sh ${here}/link ${include} ${scratch}/link/clang ${TENON_CLANG})
endif()
add_check(link/libraries/cuda TENON_NVCC ${here}/link/check_libraries.sh cuda ${here}/link ${include} ${scratch}/link/libraries_cuda ${TENON_NVCC} g++)
add_check(link/libraries/hip TENON_CLANG_AND_HIP ${here}/link/check_libraries.sh hip ${here}/link ${include} ${scratch}/link/libraries_hip ${TENON_CLANG} g++)
add_check(link/cuda TENON_NVCC ${here}/link/check_cuda.sh ${here}/link ${include} ${scratch}/link/cuda ${TENON_NVCC} g++)

add_check(examples/weights CMAKE_CXX_COMPILER ${here}/examples/check_weights.sh ${PROJECT_SOURCE_DIR} ${scratch}/examples/weights)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_check(examples/processor CMAKE_CXX_COMPILER ${here}/examples/check_processor.sh ${PROJECT_SOURCE_DIR}/examples/support ${scratch}/examples/processor ${CMAKE_CXX_COMPILER})
endif()

add_check(readme TENON_GXX ${here}/readme/check.sh ${PROJECT_SOURCE_DIR} ${scratch}/readme ${TENON_GXX} ${warnings})
