#!/bin/sh
# Objects built with different -march in one program keep their own kernels. Usage: check_march.sh SOURCE_FOLDER INCLUDE WORK_FOLDER COMPILER
# The linker keeps one copy of a function that both objects emit, so no such function may hold a wide instruction; and each
# object's kernels must be there, in a namespace of their own.
set -eu
source=$1 include=$2 work=$3
shift 3
mkdir -p "$work"
# Names of the functions of an object that the linker may share (weak ones that are not hidden in a kernel's namespace count too).
shared() { nm "$1" | awk '$2 ~ /^[WV]$/ {print $3}' | sort -u; }
# Functions of an object whose code holds a VEX or EVEX instruction: a v-mnemonic on vector registers, or a wide register.
wide_functions() {
  objdump -d --no-show-raw-insn "$1" | awk '/^[0-9a-f]+ <.*>:$/ {name = $2; gsub(/[<>:]/, "", name)}
    /%[yz]mm|\tv[a-z0-9]+ .*%xmm|%k[1-7]/ {print name}' | sort -u
}

for level in -O0 -O2 -O3; do
  for part in plain:x86-64 wide:x86-64-v4 main:x86-64; do
    "$@" -w -std=c++20 "$level" -march="${part#*:}" -I"$include" -c "$source/${part%:*}.cpp" -o "$work/${part%:*}.o"
  done
  "$@" "$work/plain.o" "$work/wide.o" "$work/main.o" -o "$work/program"
  "$work/program"

  shared "$work/plain.o" >"$work/plain.names"
  shared "$work/wide.o" >"$work/wide.names"
  wide_functions "$work/wide.o" >"$work/wide.wide"
  comm -12 "$work/plain.names" "$work/wide.names" | comm -12 - "$work/wide.wide" >"$work/unsafe"
  if [ -s "$work/unsafe" ]; then
    echo "$level: both objects emit these, and the wide copy has wide instructions:"
    c++filt <"$work/unsafe"
    exit 1
  fi
  wide_functions "$work/plain.o" >"$work/plain.wide"
  [ ! -s "$work/plain.wide" ] || { echo "$level: the plain object has wide instructions"; exit 1; }
  # That the check can see: the wide object does hold wide code.
  [ -s "$work/wide.wide" ] || { echo "$level: no wide instruction found in the wide object"; exit 1; }
done
echo "kernels keep apart at -O0, -O2 and -O3"
