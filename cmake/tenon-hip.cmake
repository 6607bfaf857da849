# tenon::hip = tenon::tenon + HIP's runtime, where it is found: amd{i}, for .cpp files too; kernels are compiled in .hip files, for
# HIP_ARCHITECTURES, as C++20. Read by this build and by the installed package alike.
if(NOT TARGET tenon::hip)
  find_path(TENON_HIP_INCLUDE hip/hip_runtime_api.h PATHS ENV ROCM_PATH /opt/rocm PATH_SUFFIXES include)
  find_library(TENON_HIP_LIBRARY amdhip64 PATHS ENV ROCM_PATH /opt/rocm PATH_SUFFIXES lib)
  mark_as_advanced(TENON_HIP_INCLUDE TENON_HIP_LIBRARY)
  if(TENON_HIP_INCLUDE AND TENON_HIP_LIBRARY)
    add_library(tenon::hip INTERFACE IMPORTED GLOBAL)
    target_link_libraries(tenon::hip INTERFACE tenon::tenon ${TENON_HIP_LIBRARY})
    target_include_directories(tenon::hip SYSTEM INTERFACE ${TENON_HIP_INCLUDE})
    # Which of AMD's GPUs a file is compiled for is known to nothing but its command line.
    target_compile_definitions(tenon::hip INTERFACE __HIP_PLATFORM_AMD__=1 $<$<COMPILE_LANGUAGE:HIP>:TENON_GPU=amd_$<JOIN:$<TARGET_PROPERTY:HIP_ARCHITECTURES>,_>>)
  else()
    set(tenon_hip_missing "needs HIP's runtime; Debian: libamdhip64-dev")
  endif()
endif()
