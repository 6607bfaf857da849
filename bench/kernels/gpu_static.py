#!/usr/bin/env python3
"""What can be said of the kernels for GPUs without a GPU: registers, and the share of matrix instructions in the main loop.

Compiles tests/gpu/*.cu for sm_80, or for the machine that their
names end in, and *.hip for gfx90a, gfx942, gfx1100 and gfx1201. The loop's share needs NVIDIA's nvdisasm
(package nvidia-cuda-nvdisasm) in PATH or in $NVDISASM. A share is no speed.

The main loop is the longest backward branch that holds matrix instructions; of kernels without any, that holds loads. Of its basic blocks
these are left out, since most key blocks do not take them: the mask (many selects), the fade of the sums (only multiplications), copies that end
before a whole block (those that fill with zeros, or have a guard each).
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

root = Path(__file__).resolve().parents[2]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True)


def opcode(instruction):
    return re.sub(r"^@!?U?P\w+ ", "", instruction).split()[0].split(".")[0]


def basic_blocks(function):
    """[(index of the first instruction, [instructions])] and {label: index}."""
    blocks, labels, current, count = [], {}, [], 0
    for line in function.splitlines():
        label = re.match(r"\s*(\.L_\w+):", line)
        found = re.match(r"\s*/\*[0-9a-f]+\*/\s+(.*?);", line)
        if label:
            if current:
                blocks.append((count - len(current), current))
                current = []
            labels[label[1]] = count
        elif found:
            current.append(found[1])
            count += 1
            if re.search(r"\b(BRA|EXIT)\b", found[1]):
                blocks.append((count - len(current), current))
                current = []
    return blocks, labels


matrix = ("HMMA", "IMMA", "QMMA", "HGMMA")  # of warps, by number; of four warps, asynchronous


def main_loop(blocks, labels, wanted=matrix):
    best = None
    asynchronous = any(opcode(i) == "HGMMA" for _, b in blocks for i in b)
    for first, block in blocks:
        target = re.search(r"BRA.*`\((\.L_\w+)\)", block[-1])
        if target and target[1] in labels and labels[target[1]] <= first:
            begin, end = labels[target[1]], first + len(block)
            inside = [b for f, b in blocks if begin <= f < end]
            size = (-end, end - begin) if asynchronous else (end - begin,)  # waits for phases stand behind the loop and branch back into it
            if any(opcode(i) in wanted for b in inside for i in b) and (best is None or size > best[0]):
                best = (size, inside)
    return best[1] if best else []


def rare(block):
    ops = Counter(map(opcode, block))
    if any(ops[m] for m in matrix):
        return False
    copies = ops["LDGSTS"]
    ragged = copies > 0 and (ops["ISETP"] >= copies or 2 * ops["SEL"] >= copies or any("ZFILL" in i for i in block))
    asks = copies == 0 and ops["SEL"] >= 6 and ops["ISETP"] >= 6
    return ops["FSEL"] >= 16 or asks or (ops["FMUL"] >= 64 and len(block) < ops["FMUL"] + 16) or ragged


def distances(block):
    """Matrix instructions between an LDSM and the first one that uses it."""
    out = []
    for at, instruction in enumerate(block):
        if opcode(instruction) != "LDSM":
            continue
        first = int(re.search(r"\bR(\d+)", instruction)[1])
        loaded, between = set(range(first, first + 4)), 0
        for later in block[at + 1:]:
            if opcode(later) in matrix:
                _, a, b, _ = (int(r) if r else -9 for r in re.findall(r"R(?:Z|(\d+))", later)[:4])
                if loaded & ({*range(a, a + 4)} | {b, b + 1}):
                    out.append(between)
                    break
                between += 1
    return out


def nvidia(nvcc, work):
    disassembler = os.environ.get("NVDISASM") or shutil.which("nvdisasm")
    for source in sorted((root / "tests/gpu").glob("*.cu")):
        cubin = work / (source.stem + ".cubin")
        machine = re.search(r"_sm(\d+a?)$", source.stem)
        arch = f"sm_{machine[1] if machine else 80}"
        log = run(nvcc, "-std=c++20", "-O3", f"-arch={arch}", f"-I{root}/include", "-Xptxas", "-v", "-cubin", str(source), "-o", str(cubin)).stderr
        facts = re.findall(r"Compiling entry function '(\w+)'.*?(\d+) bytes spill stores.*?Used (\d+) registers", log, re.S)
        shares = {}
        if disassembler:
            for function in re.split(r"//-+ \.text\.", run(disassembler, "-c", str(cubin)).stdout)[1:]:
                loop = main_loop(*basic_blocks(function))
                kept = [b for b in loop if not rare(b)]
                ops = Counter(opcode(i) for b in kept for i in b)
                apart = distances([i for b in kept for i in b])
                count, total = sum(ops[m] for m in matrix), sum(ops.values())
                if ops["HGMMA"]:
                    shapes = Counter(re.search(r"HGMMA\.(\w+)", i)[1] for b in kept for i in b if opcode(i) == "HGMMA")
                    serialised = "serialised by the compiler" if re.search(rf"C75(14|17).*{function.split()[0]}", log) else "none serialised"
                    shares[function.split()[0]] = f"HGMMA {', '.join(f'{n} of {s}' for s, n in shapes.items())} among {total} instructions of the main loop, {serialised}"
                elif count:
                    shares[function.split()[0]] = f"{count} of {total} = {100 * count / total:.1f} % matrix instructions"
                    if apart:
                        shares[function.split()[0]] += f", {statistics.median(apart):g} (median) between LDSM and use"
                else:
                    inside = [i for b in main_loop(*basic_blocks(function), wanted=("LDG",)) for i in b]
                    wide = sum(opcode(i) == "LDG" and ".128" in i for i in inside)
                    shares[function.split()[0]] = f"{wide} loads of 16 bytes among {len(inside)} instructions of the main loop" if wide else "no loop of loads"
        for name, spilled, registers in sorted(facts):
            print(f"{arch:7} {name:24} {registers:>4} registers, {spilled} bytes spilled; {shares.get(name, 'no nvdisasm')}")


amd_archs = ("gfx90a", "gfx942", "gfx1100", "gfx1201")


def amd_blocks(function):
    """As basic_blocks: [(index of the first instruction, [instructions], index of the branch's target or None)]."""
    lines = [line for line in function.splitlines() if "// " in line]
    at = {int(re.search(r"// ([0-9A-F]+):", line)[1], 16): i for i, line in enumerate(lines)}
    targets = {}
    for i, line in enumerate(lines):
        branch = re.search(r"s_c?branch\w* .*<\w+\+0x([0-9a-f]+)>", line)
        if branch:
            targets[i] = at.get(min(at) + int(branch[1], 16))
    starts = sorted({0} | {i + 1 for i in targets} | {t for t in targets.values() if t is not None})
    return [(first, [line.split("//")[0].strip() for line in lines[first:end]], targets.get(end - 1)) for first, end in zip(starts, starts[1:] + [len(lines)]) if first < end]


def amd_distances(block):
    """Matrix instructions between a load of 16 bytes from shared memory and the first one that uses it."""
    registers = lambda text: {r for low, high in re.findall(r"\bv\[?(\d+)(?::(\d+))?", text) for r in range(int(low), int(high or low) + 1)}
    out = []
    for at, instruction in enumerate(block):
        if not re.match(r"ds_(read|load)_b128", instruction):
            continue
        loaded, between = registers(instruction.split(",")[0]), 0
        for later in block[at + 1:]:
            if re.match(r"v_(mfma|wmma)_", later):
                if loaded & registers(later.split(",", 1)[1]):
                    out.append(between)
                    break
                between += 1
    return out


def amd_rare(ops):
    """Blocks that most key blocks do not take: the mask, the fade of the sums, copies of which a part is beyond the end (a guard for each)."""
    count = lambda name: sum(bool(re.match(name, op)) for op in ops)
    if count("v_(mfma|wmma)"):
        return False
    return count("v_cndmask") > 15 or count("v_(pk_|dual_)?mul_f32") > len(ops) / 2 or (len(ops) < 20 and count("global_load") == 1) or count("s_and_saveexec|v_cmpx") > 0


def amd_share(function):
    blocks = amd_blocks(function)
    best = (0, [])
    for first, ops, target in blocks:
        if target is not None and target <= first:
            inside = [o for f, o, _ in blocks if target <= f <= first]
            matrix = sum(op.startswith(("v_mfma", "v_wmma")) for o in inside for op in o)
            best = max(best, (matrix, inside), key=lambda pair: pair[0])
    if not best[0]:
        return ""
    kept = [op for ops in best[1] if not amd_rare(ops) for op in ops]
    apart = [d for ops in best[1] for d in amd_distances(ops)]
    return (f"{best[0]} of {len(kept)} = {100 * best[0] / len(kept):.1f} % matrix instructions, "
            f"{statistics.median(apart):g} (median) between a load from shared memory and its use")


def amd(work):
    clang = shutil.which("clang++-19") or shutil.which("clang++")
    if not clang:
        return print("gfx*    no clang++")
    tools = Path(clang).resolve().parent
    for arch in amd_archs:
        for source in sorted((root / "tests/gpu").glob("*.hip")):
            if source.stem.endswith("fp8") and arch not in ("gfx942", "gfx1201"):
                continue
            code = work / f"{source.stem}.{arch}.co"
            run(clang, "-x", "hip", "-std=c++20", "-O3", f"--offload-arch={arch}", "--cuda-device-only", "--no-gpu-bundle-output", "-nogpulib", "-nogpuinc",
                f"-DTENON_GPU=amd_{arch}", f"-DTENON_TEST_ARCH={arch}", f"-I{root}/include", "-c", str(source), "-o", str(code))
            text = run(str(tools / "llvm-objdump"), "-d", str(code)).stdout
            shares = {found[1]: amd_share(found[2]) for found in re.finditer(r"^[0-9a-f]+ <(\w+)>:\n(.*?)(?=^[0-9a-f]+ <|\Z)", text, re.S | re.M)}
            notes = run(str(tools / "llvm-readelf"), "--notes", str(code)).stdout
            for kernel in re.split(r"^  - +\.", notes, flags=re.M)[1:]:
                fact = lambda key: re.search(rf"\.{key}: +(\S+)", kernel)[1]
                accumulators = re.match(r"agpr_count: +(\d+)", kernel)
                name = fact("symbol").removesuffix(".kd")
                print(f"{arch:7} {name:24} {fact('vgpr_count'):>4} registers{f', of which {accumulators[1]} accumulators' if accumulators and accumulators[1] != '0' else ''}; "
                      f"{fact('vgpr_spill_count')} spilled, {fact('private_segment_fixed_size')} bytes of scratch; {shares.get(name, '')}")


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("nvcc", nargs="?", default="nvcc", help="the compiler for NVIDIA's GPUs (default: nvcc)")
options = parser.parse_args()
with tempfile.TemporaryDirectory() as folder:
    nvidia(options.nvcc, Path(folder))
    amd(Path(folder))
