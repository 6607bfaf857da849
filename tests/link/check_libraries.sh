#!/bin/sh
# Two libraries for different GPUs in one program: each keeps its own kernels and what starts them. Nothing of tenon's kernels is bound from one
# to the other, as the loader says; without a GPU both say so. Usage: check_libraries.sh cuda|hip SOURCE_FOLDER INCLUDE WORK_FOLDER GPU_COMPILER COMPILER
set -eu
kind=$1 source=$2 include=$3 work=$4 gpu_compiler=$5 compiler=$6
mkdir -p "$work"
# library NUMBER ARCHITECTURES
library() {
  case $kind in
    cuda)
      "$gpu_compiler" -std=c++20 -ccbin "$compiler" -cudart shared -Xcompiler -fPIC -shared -DNUMBER=$1 $2 -I"$include" "$source/library.cu" -o "$work/lib$1.so" ;;
    hip)
      "$gpu_compiler" -x hip -std=c++20 -fPIC -DNUMBER=$1 $2 -nogpulib -nogpuinc -I"$include" -c "$source/library.cu" -o "$work/$1.o"
      "$compiler" -shared "$work/$1.o" -o "$work/lib$1.so" -lamdhip64 ;;
  esac
}
case $kind in
  cuda)
    library 1 "-gencode arch=compute_80,code=[sm_80,compute_80]"
    library 2 "-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]" ;;
  hip)
    library 1 "--offload-arch=gfx90a -DTENON_GPU=amd_gfx90a"
    library 2 "--offload-arch=gfx90a,gfx942 -DTENON_GPU=amd_gfx90a_gfx942" ;;
esac
"$compiler" -std=c++20 "$source/libraries_main.cpp" -o "$work/program" -ldl

# Every symbol of a kernel or of a launch that one gives to others, and the other as well: none may be there.
for number in 1 2; do nm -D --defined-only -C "$work/lib$number.so" | sed 's/^[0-9a-f]* *[A-Za-z] //' | grep 'tenon::v' | sort >"$work/symbols$number" || true; done
for number in 1 2; do [ -s "$work/symbols$number" ] || { echo "nothing of tenon is found in lib$number.so: nm or names have changed"; exit 1; }; done
if comm -12 "$work/symbols1" "$work/symbols2" | grep .; then
  echo "both libraries define these"
  exit 1
fi
said=$(LD_BIND_NOW=1 LD_DEBUG=bindings LD_DEBUG_OUTPUT="$work/bindings" "$work/program" "$work/lib1.so" "$work/lib2.so")
cat "$work"/bindings.* >"$work/bound"
rm -f "$work"/bindings.*
# Either both ran their kernels and said nothing, or there is no GPU and both say that.
if [ -n "$said" ] && [ "$(echo "$said" | grep -c 'GPU can be used here.*Fix: ')-$(echo "$said" | wc -l)" != 2-2 ]; then
  echo "$said"
  exit 1
fi
for number in 1 2; do
  grep -q "/lib$number\.so .* to .*/libc\.so" "$work/bound" || { echo "the loader says nothing of lib$number.so"; exit 1; }
done
# What may be shared is what no GPU changes: the type of an error, what the standard library and the vendor's headers define inline.
sed -nE "s/.*(lib1\.so .* to .*\/lib2|lib2\.so .* to .*\/lib1)\.so .*symbol \`([^']*)'.*/\2/p" "$work/bound" | sort -u | c++filt >"$work/shared"
sed 's/^/shared: /' "$work/shared"
if grep -vE '^((typeinfo|typeinfo name|vtable) for tenon::error|tenon::error::(error|~error|what)\(.*|std::.*|dim3::dim3\(.*)$' "$work/shared" || grep -E 'tenon::[^ ]*v[0-9]+_|run_body' "$work/shared"; then
  echo "one library is bound to these of the other"
  exit 1
fi
