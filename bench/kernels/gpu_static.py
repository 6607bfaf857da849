#!/usr/bin/env python3
"""What can be said of the kernels for GPUs without a GPU: registers, how many blocks they leave room for on a multiprocessor, and the share of
matrix instructions in the main loop. Blocks are those of tuning/gpu_facts.hpp, but for shared memory, which is not in the code: with it
bench_kernels_gpu_tuning says them. Bank conflicts are in tests: none under simulation (tests/simulated/counts.cpp) and as PTX; so are executed
warp instructions (tests/gpu/ptx_attention.cpp): at most 2,162,360 for 2,048 tokens and 2 heads.

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
import sys
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


def gpu_facts():
    """{name: {field: value}} of tuning/gpu_facts.hpp."""
    text = (root / "include/tenon/kernels/tuning/gpu_facts.hpp").read_text()
    fields = re.findall(r"^  int (\w+);", text, re.M)
    number = lambda word: 1024 * int(word.removesuffix("kib").rstrip("* ") or 1) if word.endswith("kib") else int(word)
    return {name: dict(zip(fields, map(number, values.split(", ")))) for name, values in re.findall(r'facts_\w+\{"(\w+)", (.*?)\};', text)}


every_gpu = gpu_facts()


def blocks_at_once(on, threads, registers):
    """As occupancy_of, of a block without shared memory."""
    warps = -(-threads // on["lanes"])
    given = -(-registers // on["register_step"]) * on["register_step"]
    return min(on["schedulers"] * (on["registers"] // given) // warps, on["schedulers"] * on["warps"] // warps, on["blocks"]) if registers <= on["most_registers"] else 0


def shares_of(cubin, log, disassembler):
    """{kernel: (percent of matrix instructions or None, median distance or None, what the main loop is)}."""
    shares = {}
    for function in re.split(r"//-+ \.text\.", run(disassembler, "-c", str(cubin)).stdout)[1:]:
        name = function.split()[0]
        loop = main_loop(*basic_blocks(function))
        kept = [b for b in loop if not rare(b)]
        ops = Counter(opcode(i) for b in kept for i in b)
        apart = distances([i for b in kept for i in b])
        count, total = sum(ops[m] for m in matrix), sum(ops.values())
        if ops["HGMMA"]:
            shapes = Counter(re.search(r"HGMMA\.(\w+)", i)[1] for b in kept for i in b if opcode(i) == "HGMMA")
            serialised = "serialised by the compiler" if re.search(rf"C75(14|17).*{name}", log) else "none serialised"
            shares[name] = (None, None, f"HGMMA {', '.join(f'{n} of {s}' for s, n in shapes.items())} among {total} instructions of the main loop, {serialised}")
        elif count:
            percent, median = 100 * count / total, statistics.median(apart) if apart else None
            shares[name] = (percent, median, f"{count} of {total} = {percent:.1f} % matrix instructions" + (f", {median:g} (median) between LDSM and use" if apart else ""))
        else:
            inside = [i for b in main_loop(*basic_blocks(function), wanted=("LDG",)) for i in b]
            wide = sum(opcode(i) == "LDG" and ".128" in i for i in inside)
            shares[name] = (None, None, f"{wide} loads of 16 bytes among {len(inside)} instructions of the main loop" if wide else "no loop of loads")
    return shares


def find_disassembler():
    return os.environ.get("NVDISASM") or shutil.which("nvdisasm") or shutil.which("nvdisasm", path="/usr/local/cuda/bin")


def kernels_of(log):
    """[(name, bytes spilled, registers)] of what ptxas -v said."""
    found = re.findall(r"Compiling entry function '(\w+)'.*?(\d+) bytes spill stores.*?Used (\d+) registers", log, re.S)
    return sorted((name, int(spilled), int(registers)) for name, spilled, registers in found if not name.startswith("_Z"))


def nvidia(nvcc, work):
    disassembler = find_disassembler()
    for source in sorted((root / "tests/gpu").glob("*.cu")):
        ptx, cubin = (work / (source.stem + end) for end in (".ptx", ".cubin"))
        machine = re.search(r"_sm(\d+a?)$", source.stem)
        arch = f"sm_{machine[1] if machine else 80}"
        run(nvcc, "-std=c++20", "-O3", f"-arch={arch}", f"-I{root}/include", "-ptx", str(source), "-o", str(ptx))
        log = run(nvcc, f"-arch={arch}", "-Xptxas", "-v", "-cubin", str(ptx), "-o", str(cubin)).stderr
        threads = dict(re.findall(r"\.entry (\w+)\(.*?\.maxntid (\d+)", ptx.read_text(), re.S))
        shares = shares_of(cubin, log, disassembler) if disassembler else {}
        for name, spilled, registers in kernels_of(log):
            blocks = blocks_at_once(every_gpu[arch], int(threads[name]), registers)
            print(f"{arch:7} {name:24} {registers:>4} registers, {spilled} bytes spilled, {blocks:>2} blocks of {threads[name]} threads; {shares.get(name, (0, 0, 'no nvdisasm'))[2]}")


# Of a kernel's main loop: percent of matrix instructions, median of those between a load from shared memory and its use.
limits = {"attention": {"attention_causal_128": (28, 15)}, "matmul": {"matmul_to_bf16": (50, 0)}}


def check(folder):
    """Whether the kernels that tests/gpu/check_nvidia.sh left in `folder` are within the limits, and spill nothing."""
    disassembler, right = find_disassembler(), True
    for stem, asked in limits.items():
        log = (folder / f"{stem}.log").read_text()
        for name, spilled, _ in kernels_of(log):
            if spilled:
                print(f"{name} spills {spilled} bytes")
                right = False
        shares = shares_of(folder / f"{stem}.cubin", log, disassembler)
        for name, (percent, median) in asked.items():
            got = shares.get(name, (None, None, "not found"))
            print(f"{name}: {got[2]}; at least {percent} %, {median} (median)")
            right = right and (got[0] or 0) >= percent and (got[1] or 0) >= median
    return right


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
                blocks = blocks_at_once(every_gpu[arch], int(fact("max_flat_workgroup_size")), int(fact("vgpr_count")))
                print(f"{arch:7} {name:24} {fact('vgpr_count'):>4} registers{f', of which {accumulators[1]} accumulators' if accumulators and accumulators[1] != '0' else ''}; "
                      f"{fact('vgpr_spill_count')} spilled, {fact('private_segment_fixed_size')} bytes of scratch, {blocks:>2} blocks of {fact('max_flat_workgroup_size')} threads; {shares.get(name, '')}")


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("nvcc", nargs="?", default="nvcc", help="the compiler for NVIDIA's GPUs (default: nvcc)")
parser.add_argument("--check", type=Path, metavar="FOLDER", help="only look at what tests/gpu/check_nvidia.sh left there of attention.cu and matmul.cu: exit code 1 where a register is spilled "
                    "or the main loop has less than 28 %% matrix instructions or 15 (median) between a load and its use, for a product 50 %%")
options = parser.parse_args()
if options.check:
    if not find_disassembler():
        print("skipped: nvdisasm is not found")
        sys.exit(77)
    sys.exit(not check(options.check))
with tempfile.TemporaryDirectory() as folder:
    nvidia(options.nvcc, Path(folder))
    amd(Path(folder))
