#!/bin/sh
# What the example of a wrong mask says to type in gdb stops where it should: in the mask, asked about the wrong query's tile, under the GPU's kernel.
# Usage: check_gdb.sh SOURCE_FOLDER WORK_FOLDER COMPILER GDB
set -eu
source=$1 work=$2 compiler=$3 gdb=$4
mkdir -p "$work"
"$compiler" -std=c++20 -g -O0 -I"$source/include" "$source/examples/03_debug_gpu_mask.cpp" -o "$work/program" -lboost_context
said=$("$work/program" --wrong || true)
token=$(echo "$said" | sed -n 's/^Query \([0-9]*\) is .*/\1/p')
breakpoint=$(echo "$said" | sed -n 's/.*In gdb .*--preset debug.*: \(break .*\)/\1/p')
[ -n "$token" ] && [ -n "$breakpoint" ] || { echo "$said"; exit 1; }
# Addresses are left as they are: not every container lets a debugger change that.
"$gdb" -batch -nx -iex 'set debuginfod enabled off' -ex 'set disable-randomization off' -ex "$breakpoint" -ex run -ex 'print t.q0 <= '"$token"' && '"$token"' < t.q1' -ex backtrace \
  --args "$work/program" --wrong >"$work/gdb.log" 2>&1 || true
grep -q '^Breakpoint 1, .*band::covers' "$work/gdb.log" && grep -q '^\$1 = true' "$work/gdb.log" && grep -q '^#[0-9]* .*attention_kernel' "$work/gdb.log" || {
  cut -c1-300 "$work/gdb.log"
  exit 1
}
echo "gdb stopped at: $breakpoint"
