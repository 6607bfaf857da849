#!/bin/sh
# Kernels compile for an architecture without a warning, without a spilled register and without asynchronous products that the compiler made
# wait for each other (C7514); says what each takes. Leaves WORK/NAME.ptx for the executor.
# Usage: check_nvidia.sh SOURCE INCLUDE WORK NVCC ARCH
set -eu
source=$1 include=$2 work=$3 nvcc=$4 arch=$5
name=$(basename "$source" .cu)
# 1675: pragmas of processors' kernels, whose launch functions come along.
mkdir -p "$work"
"$nvcc" -std=c++20 -O3 -arch="$arch" -Werror all-warnings -diag-suppress 1675 -I"$include" -ptx "$source" -o "$work/$name.ptx"
"$nvcc" -arch="$arch" -cubin -Xptxas -v,-warn-spills,-Werror "$work/$name.ptx" -o "$work/$name.cubin" >"$work/$name.log" 2>&1 || {
  cat "$work/$name.log"
  exit 1
}
grep -E "Compiling entry|registers|stack frame" "$work/$name.log"
! grep -E "[1-9][0-9]* bytes spill|C75[0-9][0-9]|erializ" "$work/$name.log"
