#!/bin/sh
# Kernels compile for gfx942 without a warning, use its matrix instructions, and neither spill vector registers nor touch scratch memory; says
# what each takes. (Scalar registers that do not fit lie in lanes of vector registers, not in memory.) No ROCm is needed: nothing of it is included. Usage: check_gfx942.sh SOURCE INCLUDE WORK CLANG
set -eu
source=$1 include=$2 work=$3 clang=$4
object=$work/$(basename "$source" .hip).gfx942.co
tools=$(dirname "$(readlink -f "$(command -v "$clang")")")
mkdir -p "$work"
"$clang" -x hip -std=c++20 -O3 --offload-arch=gfx942 --cuda-device-only --no-gpu-bundle-output -nogpulib -nogpuinc -mcode-object-version=5 \
  -Wall -Wextra -Wconversion -Wshadow -Werror -I"$include" -c "$source" -o "$object"
notes=$("$tools/llvm-readelf" --notes "$object")
products=$("$tools/llvm-objdump" -d "$object" | grep -c v_mfma_f32_32x32x8 || true)
echo "$notes" | grep -E "^ +\.(symbol|agpr_count|vgpr_count|sgpr_count|[vs]gpr_spill_count|private_segment_fixed_size):|^ +- \.agpr_count" | sed 's/^[- ]*//'
echo "matrix instructions in all: $products"
[ "$products" -ge 64 ] || { echo "too few matrix instructions: the words are not what they were written to be"; exit 1; }
if echo "$notes" | grep -E "(vgpr_spill_count|private_segment_fixed_size): +[1-9]"; then
  echo "registers are spilled, or arrays lie in scratch memory"
  exit 1
fi
