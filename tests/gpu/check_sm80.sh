#!/bin/sh
# Kernels compile for sm_80 without a warning and without a spilled register; says what each takes. Leaves WORK/NAME.ptx for the executor.
# Usage: check_sm80.sh SOURCE INCLUDE WORK NVCC
set -eu
source=$1 include=$2 work=$3 nvcc=$4
name=$(basename "$source" .cu)
mkdir -p "$work"
"$nvcc" -std=c++20 -O3 -arch=sm_80 -Werror all-warnings -I"$include" -ptx "$source" -o "$work/$name.ptx"
"$nvcc" -arch=sm_80 -cubin -Xptxas -v,-warn-spills,-Werror "$work/$name.ptx" -o "$work/$name.cubin" >"$work/$name.log" 2>&1 || {
  cat "$work/$name.log"
  exit 1
}
grep -E "Compiling entry|registers|stack frame" "$work/$name.log"
! grep -E "[1-9][0-9]* bytes spill" "$work/$name.log"
