#!/bin/sh
# Every header under include/ compiles alone. Usage: check.sh INCLUDE_FOLDER COMPILER FLAGS...
set -eu
include=$1
shift
count=0 failed=0
# The GPU vendors' compilers check what lies behind their headers.
for header in $(cd "$include" && find tenon -name '*.hpp' | grep -vE '/(nvidia|amd|sm[0-9]+a?|gfx[0-9a-f]+)/' | sort); do
  # Twice, so that a missing '#pragma once' is seen.
  if ! printf '#include <%s>\n#include <%s>\n' "$header" "$header" | "$@" -I"$include" -std=c++20 -fsyntax-only -x c++ -; then
    echo "$header does not compile alone"
    failed=$((failed + 1))
  fi
  count=$((count + 1))
done
echo "$count headers compiled alone, $failed failed"
[ "$failed" -eq 0 ] && [ "$count" -gt 0 ]
