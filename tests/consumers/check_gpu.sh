#!/bin/sh
# Builds the program of a user with a GPU kernel, by each of WAYS, and runs it: right where a GPU is, else one sentence and exit code 1.
# Usage: check_gpu.sh cuda|hip SOURCE WORK_FOLDER COMPILER GPU_COMPILER WAYS; WAYS: "package", "subdirectory" or both
set -eu
part=$1 source=$2 work=$3 compiler=$4 gpu_compiler=$5 ways=$6
rm -rf "$work"
mkdir -p "$work"
case $part in
  cuda) set -- -DCMAKE_CUDA_COMPILER="$gpu_compiler" -DCMAKE_CUDA_ARCHITECTURES='80;90' ;;
  hip)
    # Debian's packages are no whole ROCm: where there is none, a folder that looks like one to CMake, for one architecture that needs no device library.
    root=${ROCM_PATH:-/opt/rocm}
    if [ ! -d "$root/lib/cmake/hip-lang" ]; then
      root=$work/rocm
      sh "$source/tests/consumers/rocm_of_debian.sh" "$root" "$gpu_compiler"
    fi
    set -- -DCMAKE_HIP_COMPILER="$gpu_compiler" -DCMAKE_HIP_COMPILER_ROCM_ROOT="$root" -DCMAKE_HIP_ARCHITECTURES='gfx90a;gfx942' -DCMAKE_HIP_FLAGS="--rocm-path=$root" ;;
esac
cmake -S "$source" -B "$work/tenon" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DTENON_TESTS=OFF -DTENON_BENCHES=OFF -DTENON_EXAMPLES=OFF
cmake --install "$work/tenon" --prefix "$work/prefix"
for way in $ways; do
  from=''
  [ $way = package ] || from=$source
  cmake -S "$source/tests/consumers/gpu" -B "$work/$way" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$work/prefix" -DPART=$part -DTENON_SOURCE="$from" "$@"
  cmake --build "$work/$way"
  sh "$source/tests/support/runs_or_says.sh" "$work/$way/consumer"
done
