#!/bin/sh
# A folder that CMake and clang take for ROCm, of Debian's libamdhip64-dev and rocm-device-libs, which lack the constants of newer GPUs and the
# CMake files of the language HIP. Usage: rocm_of_debian.sh FOLDER CLANG
set -eu
root=$1 clang=$2
bitcode=/usr/lib/x86_64-linux-gnu/amdgcn/bitcode
mkdir -p "$root/amdgcn/bitcode" "$root/lib/cmake/hip-lang"
ln -sfn /usr/include "$root/include"
ln -sfn /usr/share "$root/share"
ln -sf $bitcode/*.bc "$root/amdgcn/bitcode/"
# constant NAME VALUE: the number of an architecture, as the device library asks for it: major * 1000 + minor * 100 + step.
constant() {
  to=$root/amdgcn/bitcode/oclc_isa_version_$1.bc
  [ -e "$to" ] || echo "target triple = \"amdgcn-amd-amdhsa\"
@__oclc_ISA_version = linkonce_odr protected local_unnamed_addr addrspace(4) constant i32 $2, align 4" |
    "$clang" --target=amdgcn-amd-amdhsa -nogpulib -x ir -emit-llvm -c -o "$to" -
}
constant 942 9402
constant 1100 11000
constant 1201 12001
cat >"$root/lib/cmake/hip-lang/hip-lang-config.cmake" <<'END'
if(NOT TARGET hip-lang::amdhip64)
  add_library(hip-lang::amdhip64 SHARED IMPORTED)
  set_target_properties(hip-lang::amdhip64 PROPERTIES IMPORTED_LOCATION /usr/lib/x86_64-linux-gnu/libamdhip64.so)
  add_library(hip-lang::device INTERFACE IMPORTED)
  set_property(TARGET hip-lang::device PROPERTY INTERFACE_LINK_OPTIONS "$<$<LINK_LANGUAGE:HIP>:--hip-link>")
  set_property(TARGET hip-lang::device PROPERTY INTERFACE_LINK_LIBRARIES hip-lang::amdhip64)
endif()
set(_CMAKE_HIP_DEVICE_RUNTIME_TARGET "hip-lang::device")
END
