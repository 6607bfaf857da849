"""measure.py [COMPILER...]: what five canonical translation units cost to compile (-O2 -march=native): processor seconds, peak
memory of the compiler, bytes of code in the object. The least of three runs; a Markdown table. Default: g++ clang++-19."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "include")
FLAGS = ["-std=c++20", "-O2", "-march=native", "-fopenmp", "-I" + INCLUDE]
RUNS = 3


def compile_once(compiler, source, target):
    """(processor seconds, peak MiB)"""
    process = subprocess.Popen([compiler, *FLAGS, "-c", source, "-o", target])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{compiler} failed on {os.path.basename(source)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def code_bytes(target):
    lines = subprocess.run(["size", target], check=True, capture_output=True, text=True).stdout.splitlines()
    return int(lines[1].split()[0])


def main():
    compilers = sys.argv[1:] or [name for name in ("g++", "clang++-19") if shutil.which(name)]
    print("| unit | compiler | seconds | peak memory, MiB | code, KB |")
    print("|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "unit.o")
        for source in sorted(glob.glob(os.path.join(HERE, "[0-9]_*.cpp"))):
            for compiler in compilers:
                runs = [compile_once(compiler, source, target) for _ in range(RUNS)]
                name = os.path.splitext(os.path.basename(source))[0]
                print(f"| {name} | {compiler} | {min(r[0] for r in runs):.1f} | {min(r[1] for r in runs):.0f} | {code_bytes(target) / 1000:.0f} |", flush=True)


if __name__ == "__main__":
    main()
