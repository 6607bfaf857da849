# Flags of tenon's own tests, benches and examples, as the target tenon_development. Nothing here reaches a user.
set(TENON_DEV_ARCH native CACHE STRING "-march of tests, benches and examples; empty for the compiler's default")
set(TENON_SANITIZE "" CACHE STRING "Sanitizers of tests, benches and examples: address,undefined or thread")
option(TENON_EXHAUSTIVE "Also the long tests, which 'tests/run.sh --all' runs" OFF)
option(TENON_WERROR "Warnings are errors in tests, benches and examples" OFF)

add_library(tenon_development INTERFACE)
target_compile_options(tenon_development INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wconversion -Wshadow>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 warns falsely at every "literal" + std::string (GCC bug 105651).
  target_compile_options(tenon_development INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
if(TENON_WERROR)
  target_compile_options(tenon_development INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
if(TENON_DEV_ARCH)
  target_compile_options(tenon_development INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=${TENON_DEV_ARCH}>)
endif()
if(TENON_SANITIZE)
  set(sanitizer_flags -fsanitize=${TENON_SANITIZE} -fno-omit-frame-pointer -g1)
  if(TENON_SANITIZE MATCHES "undefined")
    list(APPEND sanitizer_flags -fno-sanitize-recover=all)
    # For programs full of unrolled kernels: these checks before every access make them three times as long to compile. Out-of-bounds
    # memory and overflow are still caught, and the rooms that read what comes from outside keep all checks.
    set(tenon_fewer_checks -fno-sanitize=null,alignment,object-size -fno-sanitize-address-use-after-scope)
  endif()
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    list(APPEND sanitizer_flags -Wno-pass-failed)  # instrumented loops need not vectorise
  endif()
  target_compile_options(tenon_development INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${sanitizer_flags}>)
  target_link_options(tenon_development INTERFACE -fsanitize=${TENON_SANITIZE})
endif()
