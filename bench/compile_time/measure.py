"""What compiling costs. Canonical translation units for processors (-O2 -march=native): processor seconds, the least of three runs, peak
memory of the compiler, bytes of code in the object. One variant of attention for each GPU, to machine code: processor seconds of all that the
compiler runs, of five runs, and those of an empty file, most of which are the vendor's own headers. Markdown tables."""
import argparse
import glob
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDE = "-I" + os.path.join(os.path.dirname(os.path.dirname(HERE)), "include")
FLAGS = ["-std=c++20", "-O2", "-march=native", "-fopenmp", INCLUDE]
RUNS, GPU_RUNS = 3, 5


def run(command):
    """(processor seconds, peak MiB)"""
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"failed: {' '.join(command)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def code_bytes(target):
    lines = subprocess.run(["size", target], check=True, capture_output=True, text=True).stdout.splitlines()
    return int(lines[1].split()[0])


def processors(compilers, folder):
    print("| unit | compiler | seconds | peak memory, MiB | code, KB |")
    print("|---|---|---|---|---|", flush=True)
    target = os.path.join(folder, "unit.o")
    for source in sorted(glob.glob(os.path.join(HERE, "[0-9]_*.cpp"))):
        for compiler in compilers:
            runs = [run([compiler, *FLAGS, "-c", source, "-o", target]) for _ in range(RUNS)]
            name = os.path.splitext(os.path.basename(source))[0]
            print(f"| {name} | {compiler} | {min(r[0] for r in runs):.1f} | {min(r[1] for r in runs):.0f} | {code_bytes(target) / 1000:.0f} |", flush=True)


def gpus():
    """(architecture, file, command without source and target)"""
    nvcc, clang = shutil.which("nvcc"), shutil.which("clang++-19") or shutil.which("clang++")
    if nvcc:
        for arch in ("sm_80", "sm_90a"):
            yield arch, f"attention_{arch.replace('_', '')}.cu", [nvcc, "-std=c++20", "-O3", f"-arch={arch}", INCLUDE, "-cubin"]
    if clang:
        for arch in ("gfx90a", "gfx942", "gfx1100", "gfx1201"):
            yield arch, "attention_amd.hip", [clang, "-x", "hip", "-std=c++20", "-O3", f"--offload-arch={arch}", "--cuda-device-only", "--no-gpu-bundle-output", "-nogpulib",
                                             "-nogpuinc", f"-DTENON_GPU=amd_{arch}", f"-DARCH={arch}", INCLUDE, "-c"]


def variants(folder):
    print("| GPU | one variant: least | median | an empty file: least | median | the difference of the least |")
    print("|---|---|---|---|---|---|", flush=True)
    target = os.path.join(folder, "unit.o")
    for arch, name, command in gpus():
        empty = os.path.join(folder, "empty" + os.path.splitext(name)[1])
        open(empty, "w").close()
        one, none = ([run([*command, source, "-o", target])[0] for _ in range(GPU_RUNS)] for source in (os.path.join(HERE, name), empty))
        print(f"| {arch} | {min(one):.2f} | {statistics.median(one):.2f} | {min(none):.2f} | {statistics.median(none):.2f} | {min(one) - min(none):.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("compilers", nargs="*", metavar="COMPILER", help="for processors (default: g++ clang++-19, where they are)")
    parser.add_argument("--only", choices=("processors", "gpus"), help="one of the two tables")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.only != "gpus":
            processors(options.compilers or [name for name in ("g++", "clang++-19") if shutil.which(name)], folder)
        if options.only != "processors":
            variants(folder)


if __name__ == "__main__":
    main()
