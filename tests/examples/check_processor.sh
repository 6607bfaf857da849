#!/bin/sh
# A program built for instructions that the processor lacks ends with a sentence. Usage: check_processor.sh SUPPORT_FOLDER WORK_FOLDER COMPILER
set -eu
support=$1 work=$2 compiler=$3 include=$1/../../include
command -v qemu-x86_64 >/dev/null 2>&1 || { echo "skipped: qemu-x86_64 is not found (Debian: qemu-user)"; exit 77; }
mkdir -p "$work"
# A constructor of its own, as any wide object may have: it must not run before the check.
cat >"$work/program.cpp" <<'EOF'
#include <immintrin.h>
struct early { early() { _mm512_storeu_si512(place, _mm512_set1_epi32(7)); } int place[16]; } one;
int main() { return one.place[3] == 7 ? 0 : 2; }
EOF
"$compiler" -std=c++20 -O2 -I"$include" -c "$support/cpu_check.cpp" -o "$work/cpu_check.o"
"$compiler" -std=c++20 -O2 -march=x86-64-v4 -I"$include" -c "$support/built_for.cpp" -o "$work/built_for.o"
"$compiler" -std=c++20 -O2 -march=x86-64-v4 -c "$work/program.cpp" -o "$work/program.o"
"$compiler" "$work/program.o" "$work/built_for.o" "$work/cpu_check.o" -o "$work/program"
if qemu-x86_64 -cpu Haswell "$work/program" 2>"$work/err"; then
  echo "ran on a processor without AVX-512"
  exit 1
fi
grep '^This program was built for a processor with AVX-512 F, AVX-512 CD, .*, which this one lacks\. Fix: build it on this machine, or with -march=x86-64-v3\.$' "$work/err" || { cat "$work/err"; exit 1; }
! grep -q '^flags.* avx512vl' /proc/cpuinfo || "$work/program"
