# The simulated GPUs: every .cpp in simulated/ is one program and one ctest, where Boost.Context is there; those in simulated/exhaustive/
# only with TENON_EXHAUSTIVE.
if(NOT TARGET tenon::simulated)
  message(STATUS "tests of the simulated GPUs left out: tenon::simulated ${tenon_simulated_missing}")
  return()
endif()
file(GLOB sources RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS simulated/*.cpp)
if(TENON_EXHAUSTIVE)
  file(GLOB more RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS simulated/exhaustive/*.cpp)
  list(APPEND sources ${more})
endif()
if(TENON_SANITIZE)
  # Whole kernels take a minute each to compile with sanitizers, which the engine's own tests need not.
  list(FILTER sources INCLUDE REGEX "/(faults|fragments|counts)[^/]*\\.cpp$")
endif()
foreach(source IN LISTS sources)
  string(REGEX REPLACE "\\.cpp$" "" name ${source})
  string(REPLACE "/" "_" target test_${name})
  add_executable(${target} ${source})
  target_link_libraries(${target} PRIVATE tenon_test_main tenon_development tenon::simulated)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)  # a third less to compile, and they run for seconds
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ does not see that the factors of older sums are set wherever they are read.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
  target_compile_definitions(${target} PRIVATE TENON_TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}/data" $<$<BOOL:${TENON_EXHAUSTIVE}>:TENON_EXHAUSTIVE>)
  add_test(NAME ${name} COMMAND ${target})
  set_tests_properties(${name} PROPERTIES LABELS simulated TIMEOUT ${timeout})
endforeach()
