# tenon::cuda = tenon::tenon + CUDA's runtime, where the toolkit is found: nvidia{i}, for .cpp files too; kernels are compiled in .cu files, for
# CUDA_ARCHITECTURES, as C++20. Read by this build and by the installed package alike.
if(NOT TARGET tenon::cuda)
  find_package(CUDAToolkit 13 QUIET)
  if(TARGET CUDA::cudart)
    add_library(tenon::cuda INTERFACE IMPORTED GLOBAL)
    target_link_libraries(tenon::cuda INTERFACE tenon::tenon CUDA::cudart)
    if(DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
      target_compile_features(tenon::cuda INTERFACE cuda_std_20)
    else()  # CMake 3.25 does not know that nvcc has C++20
      target_compile_options(tenon::cuda INTERFACE $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20>)
    endif()
  else()
    set(tenon_cuda_missing "needs NVIDIA's CUDA toolkit 13")
  endif()
endif()
