#!/bin/sh
# Kernels compile for one of AMD's GPUs without a warning, use its matrix instructions, and neither spill vector registers nor touch scratch memory;
# says what each takes. (Scalar registers that do not fit lie in lanes of vector registers, not in memory.) No ROCm is needed: nothing of it is included.
# Usage: check_amd.sh ARCH SOURCE INCLUDE WORK CLANG INSTRUCTION... (each at least 16 times in the object, and as often 16 bytes are read at once from
# shared memory: compilers like to take these apart). Kernels without matrices have none.
set -eu
arch=$1 source=$2 include=$3 work=$4 clang=$5
shift 5
object=$work/$(basename "$source" .hip).$arch.co
tools=$(dirname "$(readlink -f "$(command -v "$clang")")")
mkdir -p "$work"
"$clang" -x hip -std=c++20 -O3 --offload-arch="$arch" --cuda-device-only --no-gpu-bundle-output -nogpulib -nogpuinc -mcode-object-version=5 \
  -Wall -Wextra -Wconversion -Wshadow -Werror -DTENON_GPU="amd_$arch" -DTENON_TEST_ARCH="$arch" -I"$include" -c "$source" -o "$object"
notes=$("$tools/llvm-readelf" --notes "$object")
echo "$notes" | grep -E "^ +\.(symbol|agpr_count|vgpr_count|sgpr_count|[vs]gpr_spill_count|private_segment_fixed_size):|^ +- \.agpr_count" | sed 's/^[- ]*//'
text=$("$tools/llvm-objdump" -d "$object")
[ $# -eq 0 ] || set -- "$@" "ds_\(read\|load\)_b128"
for instruction; do
  products=$(echo "$text" | grep -c "$instruction" || true)
  echo "$instruction: $products"
  [ "$products" -ge 16 ] || { echo "too few of them: the words are not what they were written to be"; exit 1; }
done
if echo "$notes" | grep -E "(vgpr_spill_count|private_segment_fixed_size): +[1-9]"; then
  echo "registers are spilled, or arrays lie in scratch memory"
  exit 1
fi
