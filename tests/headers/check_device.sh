#!/bin/sh
# core and policies compile for a GPU without a warning: they are what device code will see of tenon.
# Usage: check_device.sh INCLUDE_FOLDER WORK_FOLDER nvcc|hip COMPILER
set -eu
include=$1 work=$2 kind=$3 compiler=$4
mkdir -p "$work"
(cd "$include" && find tenon/core tenon/policies -name '*.hpp' | sort | sed 's/.*/#include <&>/') >"$work/$kind.cu"
case $kind in
  nvcc) "$compiler" -std=c++20 -Werror all-warnings -I"$include" -c "$work/nvcc.cu" -o "$work/nvcc.o" ;;
  hip)
    # No ROCm is needed for looking. clang's own wrapper of <new> calls malloc without declaring it.
    "$compiler" -x hip -std=c++20 --offload-arch=gfx942 --cuda-device-only -nogpulib -nogpuinc -Wall -Wextra -Werror \
      -include stdlib.h -I"$include" -fsyntax-only "$work/hip.cu" ;;
esac
echo "$(grep -c . "$work/$kind.cu") headers compiled for the device"
