#!/bin/sh
# Regenerates the expected values under tests/data from other people's implementations. The tests themselves need none of this.
set -eu

help() {
  cat <<TEXT
usage: sh tests/oracles/run.sh [--help] [--into DIR] [NAME...]

Regenerates the expected values under tests/data that the tests compare with. NAME picks some of the oracles:
$(for script in "$here"/*.py; do
    name=$(basename "$script" .py)
    [ "$name" = common ] || printf '  %-14s %s\n' "$name" "$(sed -n '1s/^"""//p' "$script" | sed 's/"""$//')"
  done)

--into DIR   where the Python packages are installed (default: \$XDG_CACHE_HOME/tenon/oracles; about 6 GB)
             TENON_ORACLE_PYTHON=/path/to/python uses an interpreter that already has them.
The oracles of the real model read TENON_MODEL, else what 'sh examples/run.sh' has downloaded.
TEXT
}

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tenon/oracles
names=
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) help; exit 0 ;;
    --into)
      [ $# -ge 2 ] || { echo "run.sh: --into needs a folder. Fix: --into DIR." >&2; exit 1; }
      cache=$2
      shift ;;
    -*) echo "run.sh: unknown option '$1'. Fix: see --help." >&2; exit 1 ;;
    *)
      [ -f "$here/$1.py" ] || { echo "run.sh: no oracle is named '$1'. Fix: see --help." >&2; exit 1; }
      names="$names $1" ;;
  esac
  shift
done

python=${TENON_ORACLE_PYTHON:-}
if [ -z "$python" ]; then
  python=$cache/bin/python
  if [ ! -f "$cache/complete" ]; then
    command -v python3 >/dev/null || { echo "run.sh: python3 is missing. Fix: apt-get install python3 python3-venv." >&2; exit 1; }
    echo "installing the oracles' packages in $cache (some minutes) ..."
    python3 -m venv "$cache"
    "$cache/bin/pip" install --quiet --upgrade pip
    "$cache/bin/pip" install --quiet -r "$here/requirements.txt"
    : >"$cache/complete"
  fi
fi

if [ -z "$names" ]; then
  for script in "$here"/*.py; do
    name=$(basename "$script" .py)
    case $name in common | smollm2) ;; *) names="$names $name" ;; esac
  done
  names="smollm2$names"  # first: others read what it writes
fi
export PYTHONDONTWRITEBYTECODE=1
for name in $names; do
  echo "== $name"
  "$python" "$here/$name.py"
done
