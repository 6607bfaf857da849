# Read by tests/run.sh and examples/run.sh: makes sure that Debian packages are there.
# Usage: . cmake/packages.sh; need_packages g++ cmake ...

# need_packages NAME...: returns when all are installed; installs the missing ones with apt when root or sudo allows it,
# else names them and ends the script with code 1.
need_packages() {
  if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "This is not a Debian system: the tools behind these packages are taken as installed: $*" >&2
    return 0
  fi
  missing=
  for package in "$@"; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
      "install ok installed") ;;
      *) missing="$missing $package" ;;
    esac
  done
  [ -n "$missing" ] || return 0

  as_root=
  if [ "$(id -u)" -ne 0 ]; then
    # A password may be asked for only where someone can type it.
    if command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
      as_root=sudo
    else
      echo "Missing packages:$missing. Fix: as root, apt-get install$missing" >&2
      exit 1
    fi
  fi
  echo "Installing:$missing"
  packages_log=$(mktemp)
  # The lists may be absent (a fresh container) or old, so a first failure is answered with an update.
  # shellcheck disable=SC2086
  if ! install_packages $missing >"$packages_log" 2>&1 &&
    ! { $as_root apt-get update && install_packages $missing; } >"$packages_log" 2>&1; then
    grep -E '^(E|W):' "$packages_log" >&2 || tail -n 5 "$packages_log" >&2
    rm -f "$packages_log"
    echo "apt-get could not install$missing. Fix: see the lines above; is there a network?" >&2
    exit 1
  fi
  rm -f "$packages_log"
}

install_packages() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}
