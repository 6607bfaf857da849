#!/bin/sh
# A wrong assembly gives one error, one sentence. Usage: check.sh FILE INCLUDE_FOLDER COMPILER FLAGS...
# FILE begins with '// expect: SENTENCE'; it must not compile, and the one error must end with exactly that sentence.
set -eu
file=$1 include=$2
shift 2
expected=$(sed -n '1s,^// expect: ,,p' "$file")
[ -n "$expected" ] || { echo "$file does not begin with '// expect: '"; exit 1; }
length=$(printf '%s' "$expected" | wc -c)
[ "$length" -le 140 ] || { echo "the sentence has $length characters, 140 at most: $expected"; exit 1; }
if printf '%s' "$expected" | LC_ALL=C grep -q '[^ -~]'; then
  echo "the sentence is not plain ASCII: $expected"
  exit 1
fi

if output=$(LC_ALL=C "$@" -I"$include" -std=c++20 -fsyntax-only "$file" 2>&1); then
  echo "compiled, and should have been refused with: $expected"
  exit 1
fi
errors=$(printf '%s\n' "$output" | grep -E '(^|: )(fatal )?error: ' || true)
count=$(printf '%s\n' "$errors" | grep -c . || true)
case $errors in
  *": $expected" | *": \"$expected\"") [ "$count" -eq 1 ] && exit 0 ;;
esac
printf 'expected one error: %s\nfound %s:\n%s\n\n%s\n' "$expected" "$count" "$errors" "$output"
exit 1
