#!/bin/sh
# A program that wants a GPU: with exit code 0 it ran and was right; with 1 there is none, and it says so in one sentence. Nothing else is right.
# Usage: runs_or_says.sh PROGRAM
set -eu
code=0
said=$("$1") || code=$?
echo "$said"
case $code in
  0) ;;
  1) echo "$said" | grep -q 'GPU can be used here.*Fix: ' && [ "$(echo "$said" | wc -l)" -eq 1 ] ;;
  *) echo "exit code $code" && exit 1 ;;
esac
