#!/bin/sh
# Installs what is missing, builds and runs tenon's tests. `sh tests/run.sh --help` says the rest.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)

usage() {
  cat <<'EOF'
Usage: sh tests/run.sh [--all] [--only NAMES] [--jobs N]

Installs what is missing (apt, as root or with sudo), then configures, builds and runs every test, offline.

  --only NAMES  run the tests whose names match this regular expression
  --jobs N      compile and run N at a time (default: all cores)
  --help        this text

Environment: TENON_BUILD  the folder of the builds (default: build/ in the repository)
Exit code: 0 all passed, 1 something failed or could not be installed, 2 a wrong option.
EOF
}

only= jobs=$(nproc)
while [ $# -gt 0 ]; do
  case $1 in
    --only | --jobs)
      [ $# -gt 1 ] || { echo "$1 needs a value. Fix: see --help." >&2; exit 2; }
      if [ "$1" = --only ]; then only=$2; else jobs=$2; fi
      shift 2 ;;
    --help | -h) usage; exit 0 ;;
    *) echo "Unknown option '$1'. Fix: see --help." >&2; exit 2 ;;
  esac
done
builds=${TENON_BUILD:-$root/build}

. "$root/cmake/packages.sh"
need_packages g++ cmake ninja-build doctest-dev libbenchmark-dev libpcre2-dev libutf8proc-dev nlohmann-json3-dev clang-19 libomp-19-dev

# step NAME COMMAND...: runs it with its output in a file that is shown only when it fails.
step() {
  name=$1 begun=$(date +%s)
  shift
  printf '%s ... ' "$name"
  log=$builds/last.log
  if "$@" >"$log" 2>&1; then
    echo "$(($(date +%s) - begun)) s"
  else
    echo "failed"
    tail -n 200 "$log" >&2
    exit 1
  fi
}

mkdir -p "$builds"
step "configure" cmake -S "$root" -B "$builds/tests" -G Ninja -DTENON_WERROR=ON
step "build" cmake --build "$builds/tests" -j "$jobs"

set -- --test-dir "$builds/tests" -j "$jobs" --output-on-failure --no-tests=error
[ -z "$only" ] || set -- "$@" -R "$only"
ctest "$@"
