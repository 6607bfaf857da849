#!/bin/sh
# A function over views defined in a .cu file is called from a .cpp file. Usage: check_cuda.sh SOURCE_FOLDER INCLUDE WORK_FOLDER NVCC COMPILER
set -eu
source=$1 include=$2 work=$3 nvcc=$4 compiler=$5
mkdir -p "$work"
"$nvcc" -std=c++20 -ccbin "$compiler" -I"$include" -c "$source/device_views.cu" -o "$work/device.o"
"$compiler" -std=c++20 -I"$include" -c "$source/device_views_main.cpp" -o "$work/main.o"
"$nvcc" -ccbin "$compiler" "$work/device.o" "$work/main.o" -o "$work/program"
"$work/program"
