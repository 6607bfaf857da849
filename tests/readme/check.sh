#!/bin/sh
# Every ```cpp block of the documentation compiles as it stands. Usage: check.sh SOURCE WORK_FOLDER COMPILER FLAGS...
set -eu
source=$1 work=$2
shift 2
rm -rf "$work"
mkdir -p "$work"
count=0 failed=0
for page in $(cd "$source" && find . \( -name build -o -name .git \) -prune -o -name README.md -print | sort); do
  awk -v prefix="$work/$(echo "$page" | tr '/.' '__')" '
    /^```cpp$/ {open = 1; file = prefix "_" NR ".cpp"; printf "#line %d \"%s\"\n", NR + 1, FILENAME > file; next}
    /^```$/ {open = 0}
    open {print > file}' "$source/$page"
done
for block in "$work"/*.cpp; do
  [ -e "$block" ] || break
  count=$((count + 1))
  "$@" -std=c++20 -I"$source/include" -fsyntax-only "$block" || failed=$((failed + 1))
done
echo "$count blocks compiled, $failed failed"
[ "$failed" -eq 0 ] && [ "$count" -gt 0 ]
