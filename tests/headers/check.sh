#!/bin/sh
# Every header under include/ compiles alone. Usage: check.sh INCLUDE_FOLDER ROOMS COMPILER FLAGS...
# ROOMS is a regular expression for the paths to check, such as 'tenon/(core|kernels)/'.
set -eu
include=$1 rooms=$2
shift 2
count=0 failed=0
# The headers of a machine are for compilers that are told of its instructions; those of GPUs for their vendors' compilers.
left_out='nvidia|amd|sm[0-9]+a?|gfx[0-9a-f]+'
macros=$("$@" -dM -E -x c++ - </dev/null)
for needed in cpu_avx2:__AVX2__ cpu_avx512:__AVX512VNNI__ cpu_neon:__ARM_NEON x86:__SSE2__; do
  case $macros in
    *"#define ${needed#*:} "*) ;;
    *) left_out="$left_out|${needed%:*}" ;;
  esac
done
case $macros in *"#define __aarch64__ "*) left_out="$left_out|simulated" ;; esac  # needs Boost, whose Arm build is not installed
for header in $(cd "$include" && find tenon -name '*.hpp' | grep -E "^$rooms" | grep -vE "/($left_out)[/_]" | sort); do
  # Twice, so that a missing '#pragma once' is seen.
  if ! printf '#include <%s>\n#include <%s>\n' "$header" "$header" | "$@" -I"$include" -std=c++20 -fsyntax-only -x c++ -; then
    echo "$header does not compile alone"
    failed=$((failed + 1))
  fi
  count=$((count + 1))
done
echo "$count headers compiled alone, $failed failed"
[ "$failed" -eq 0 ] && [ "$count" -gt 0 ]
