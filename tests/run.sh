#!/bin/sh
# Installs what is missing, builds and runs tenon's tests. `sh tests/run.sh --help` says the rest.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)

usage() {
  cat <<'EOF'
Usage: sh tests/run.sh [--all | --device | --with CONFIGURATIONS] [--only NAMES] [--jobs N]

Installs what is missing (apt, as root or with sudo), then configures, builds and runs every test, offline.

  --all         cpu,asan,tsan,neon,fuzz, and the long tests that cpu alone leaves out (every kernel on every
                architecture): everything that can be run without a GPU
  --device      on a machine with a GPU: kernels against the reference, and benches beside the vendor's library
  --with LIST   these configurations instead of cpu, with commas between:
                  cpu   this machine's compiler and instructions
                  asan  address and undefined-behaviour sanitizers
                  tsan  thread sanitizer (clang)
                  neon  64-bit Arm under qemu-user
                  fuzz  60 s of libFuzzer on each reader of outside files
  --only NAMES  the tests whose names match this regular expression
  --jobs N      compile and run N at a time (default: all cores)
  --help        this text

Environment: TENON_BUILD  the folder of the builds (default: build/ in the repository)
Exit code: 0 all passed, 1 something failed or could not be installed, 2 a wrong option.
EOF
}

wrong() {
  echo "$* Fix: see --help." >&2
  exit 2
}
configurations=cpu only='' exhaustive=OFF device='' jobs=$(nproc)
while [ $# -gt 0 ]; do
  case $1 in
    --all) configurations=cpu,asan,tsan,neon,fuzz exhaustive=ON; shift; continue ;;
    --device) device=yes; shift; continue ;;
    --help | -h) usage; exit 0 ;;
    --with | --only | --jobs) [ $# -gt 1 ] || wrong "$1 needs a value." ;;
    *) wrong "Unknown option '$1'." ;;
  esac
  case $1 in
    --with) configurations=$2 ;;
    --only) only=$2 ;;
    --jobs) jobs=$2 ;;
  esac
  shift 2
done
configurations=$(echo "$configurations" | tr ',' ' ')
packages="g++ cmake ninja-build doctest-dev libpcre2-dev libutf8proc-dev nlohmann-json3-dev libboost-context-dev"
for configuration in $configurations; do
  case $configuration in
    cpu)
      [ $exhaustive = OFF ] || packages="$packages rocm-device-libs"
      packages="$packages gdb libbenchmark-dev clang-19 clang-tools-19 lld-19 llvm-19 libomp-19-dev libamdhip64-dev"
      ;;
    asan) ;;
    tsan | fuzz) packages="$packages clang-19 libclang-rt-19-dev libomp-19-dev" ;;
    neon) packages="$packages g++-aarch64-linux-gnu qemu-user" ;;
    *) wrong "Unknown configuration '$configuration'." ;;
  esac
done
model=${TENON_MODEL:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/tenon/SmolLM2-135M-Instruct.Q4_1.gguf}
[ $exhaustive = OFF ] || [ -e "$model" ] || echo "No model at '$model': what needs SmolLM2 is skipped. Fix: run 'sh examples/run.sh hello' once (88 MB), or set TENON_MODEL."
builds=${TENON_BUILD:-$root/build}
mkdir -p "$builds"
. "$root/cmake/packages.sh"
# shellcheck disable=SC2086
need_packages $packages

# NVIDIA's disassembler, with which gpu/static looks at kernels: a package of pip, where nvcc is and it is not. Without it that test is skipped.
nvcc=${TENON_NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
if [ -x "$nvcc" ] && [ -z "${NVDISASM:-}" ] && ! command -v nvdisasm >/dev/null && [ ! -x "$(dirname "$nvcc")/nvdisasm" ]; then
  disassembler=${XDG_CACHE_HOME:-${HOME:-}/.cache}/tenon/nvdisasm
  NVDISASM=$disassembler/nvidia/cu13/bin/nvdisasm
  [ -x "$NVDISASM" ] || python3 -m pip install --quiet --target "$disassembler" 'nvidia-cuda-nvdisasm>=13,<14' >"$builds/last.log" 2>&1 ||
    echo "pip could not install nvidia-cuda-nvdisasm: gpu/static is skipped. Fix: see $builds/last.log, or set NVDISASM." >&2
  [ ! -x "$NVDISASM" ] || export NVDISASM
fi

# step NAME COMMAND...: one line with its time; the output is shown only when it fails.
step() {
  name=$1 begun=$(date +%s) log=$builds/last.log
  shift
  printf '%s ... ' "$name"
  if "$@" >"$log" 2>&1; then
    echo "$(($(date +%s) - begun)) s"
  else
    echo "failed"
    tail -n 200 "$log" >&2
    exit 1
  fi
}

failed=''
run_tests() {
  set -- --test-dir "$builds/$configuration" -j "$jobs" --output-on-failure --no-tests=error
  [ -z "$only" ] || set -- "$@" -R "$only"
  ctest "$@" || failed="$failed $configuration"
}

run_fuzzers() {
  for program in "$builds"/fuzz/tests/fuzz_*; do
    name=${program##*/fuzz_}
    [ -x "$program" ] || continue
    case $name in *$only*) ;; *) continue ;; esac
    found=$builds/fuzz/found/$name kept=$root/tests/data/fuzz/$name
    mkdir -p "$found/corpus" "$kept"
    if ! (step "fuzz $name for 60 s" "$program" -max_total_time=60 -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
      -artifact_prefix="$found/" "$found/corpus" "$kept"); then
      echo "The input that broke it is in $found. Fix the fault and keep the input in $kept." >&2
      failed="$failed fuzz/$name"
    fi
  done
}

# What needs a GPU, and nothing else. What is skipped, or has no compiler here, says so.
run_on_device() {
  code=0
  step "device: configure" cmake -S "$root" --preset cpu -B "$builds/cpu" -DTENON_WERROR=ON -DTENON_EXHAUSTIVE=ON
  grep -E 'tenon::(cuda|hip): no|GPUs left out' "$builds/last.log" || true
  for target in $(cmake --build "$builds/cpu" --target help | sed -nE 's/^(test_device_[a-z_]*|bench_gpu): phony$/\1/p'); do
    step "device: build $target" cmake --build "$builds/cpu" -j "$jobs" --target "$target"
  done
  ctest --test-dir "$builds/cpu" -R '^device/' --no-tests=error -V >"$builds/last.log" 2>&1 || code=1
  [ $code -eq 0 ] || cat "$builds/last.log"
  grep -E '(Passed|Skipped|Failed) +[0-9]|: skipped: ' "$builds/last.log"
  for program in "$builds"/cpu/bench/bench_kernels_gpu_*; do
    [ -x "$program" ] || continue
    echo "${program##*/}"
    "$program" || [ $? -eq 77 ] || code=1
  done
  exit $code
}
[ -z "$device" ] || run_on_device

for configuration in $configurations; do
  [ "$configuration" = cpu ] || exhaustive=OFF
  step "$configuration: configure" cmake -S "$root" --preset "$configuration" -B "$builds/$configuration" -DTENON_WERROR=ON -DTENON_EXHAUSTIVE=$exhaustive
  step "$configuration: build" cmake --build "$builds/$configuration" -j "$jobs" -- -k 0
  if [ "$configuration" = fuzz ]; then run_fuzzers; else run_tests; fi
done
[ -z "$failed" ] || { echo "Failed:$failed" >&2; exit 1; }
echo "All passed: $configurations"
