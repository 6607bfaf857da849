#!/bin/sh
# Builds tenon's chat program, obtains the weights of a small language model and answers. `sh examples/run.sh --help` says the rest.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${TENON_BUILD:-$root/build}/examples

usage() {
  cat <<'EOF'
Usage: sh examples/run.sh [OPTION...] [PROMPT]

  sh examples/run.sh "Why is the sky blue?"    answers once
  sh examples/run.sh                           chats, when a terminal is there

The first time it installs what is missing (apt, as root or with sudo), builds the program (about a minute) and downloads
SmolLM2-135M-Instruct (88 MB, Apache-2.0) to ~/.cache/tenon. After that it starts at once.

Environment: TENON_MODEL     a GGUF file or a folder of safetensors, instead of SmolLM2
             TENON_BUILD     the folder of the builds (default: build/ in the repository)
             XDG_CACHE_HOME  the folder of caches (default: ~/.cache)

Options are the program's own:
EOF
  if [ -x "$build/bin/tenon_chat" ]; then "$build/bin/tenon_chat" --help; else echo "  (built by the first run; then this text shows them)"; fi
}
for argument in "$@"; do
  case $argument in
    --) break ;;
    --help | -h) usage; exit 0 ;;
  esac
done

. "$root/cmake/packages.sh"
. "$root/examples/weights.sh"
set_pip=python3-pip
! python3 -m pip --version >/dev/null 2>&1 || set_pip=
need_packages g++ cmake ninja-build libpcre2-dev libutf8proc-dev nlohmann-json3-dev $set_pip >&2

# The program is compiled for this machine's instructions; a build that came from another one starts anew.
mkdir -p "$build" 2>/dev/null || refuse "The folder '$build' cannot be written. Fix: set TENON_BUILD to one that can."
machine=$(uname -m; sed -n '/^flags/{p;q}; /^Features/{p;q}' /proc/cpuinfo)
if [ "$machine" != "$(cat "$build/machine" 2>/dev/null)" ]; then
  rm -rf "$build/cmake"
  printf '%s\n' "$machine" >"$build/machine"
fi
build_program() {
  [ -f "$build/cmake/build.ninja" ] ||
    cmake -S "$root" -B "$build/cmake" -G Ninja -DTENON_TESTS=OFF -DTENON_BENCHES=OFF -DCMAKE_RUNTIME_OUTPUT_DIRECTORY="$build/bin"
  cmake --build "$build/cmake" --target tenon_chat
}
[ -x "$build/bin/tenon_chat" ] || echo "Building for this machine: about a minute" >&2
if ! build_program >"$build/log" 2>&1; then
  tail -n 40 "$build/log" >&2
  refuse "The program could not be built. Fix: see the lines above, or remove '$build'."
fi

if [ -z "${TENON_MODEL:-}" ]; then
  fetch_weights
  TENON_MODEL=$weights
  export TENON_MODEL
fi
exec "$build/bin/tenon_chat" "$@"
