#!/bin/sh
# Builds and runs the smallest program of a user, who got tenon in one of three ways; as a package also a bench of a user's own.
# Usage: check.sh subdirectory|package|fetched SOURCE WORK_FOLDER COMPILER
set -eu
way=$1 source=$2 work=$3 compiler=$4
rm -rf "$work"
mkdir -p "$work"
options=''

configure() {
  consumer=$1
  shift
  cmake -S "$source/tests/consumers/$consumer" -B "$work/build" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" "$@" >"$work/log" 2>&1
}
expect_right() {
  configure "$@" || { cat "$work/log"; exit 1; }
  cmake --build "$work/build"
  "$work/build/consumer" $options
}

case $way in
  subdirectory) expect_right subdirectory -DTENON_SOURCE="$source" ;;
  fetched)
    # An archive of the files as they are, as a release would hold them.
    tar -czf "$work/tenon.tar.gz" -C "$source" --exclude-vcs --exclude=./build --transform 's,^\.,tenon,' ./CMakeLists.txt ./LICENSE ./cmake ./include
    expect_right fetched -DTENON_ARCHIVE="$work/tenon.tar.gz" ;;
  package)
    cmake -S "$source" -B "$work/tenon" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DTENON_TESTS=OFF -DTENON_BENCHES=OFF -DTENON_EXAMPLES=OFF
    cmake --install "$work/tenon" --prefix "$work/prefix"
    number=$(sed -n 's/^#define TENON_VERSION //p' "$source/include/tenon/version.hpp")
    major=$((number / 10000)) minor=$((number / 100 % 100))
    version=$major.$minor.$((number % 100))
    expect_right package -DCMAKE_PREFIX_PATH="$work/prefix" -DWANTED="$version" -DPARTS="text;bench;simulated"
    for wrong in "$major.$((minor + 1))" "$((major + 1)).0"; do
      rm -rf "$work/build"
      if configure package -DCMAKE_PREFIX_PATH="$work/prefix" -DWANTED="$wrong"; then
        echo "asked for $wrong and was given $version"
        exit 1
      fi
      grep -q "version: $version" "$work/log" || { cat "$work/log"; exit 1; }
    done
    rm -rf "$work/build"
    if configure package -DCMAKE_PREFIX_PATH="$work/prefix" -DWANTED="$version" -DPARTS=no_such_part; then
      echo "asked for a component that does not exist and was given it"
      exit 1
    fi
    rm -rf "$work/build"
    options=--benchmark_min_time=0.01
    expect_right bench -DCMAKE_PREFIX_PATH="$work/prefix" ;;
esac
