"""compare_attention.py BENCH NAME=PEER...: milliseconds of attention in bench_kernels_attention (BENCH) and in programs built from
attention_ggml.cpp (PEER, called NAME), as a Markdown table. All take turns (--turns, default 3), line by line, each in a process of its own;
medians are compared, the spread (least to most) stands beside them. A cache of bf16 is compared with the faster of a peer's bf16 and f16.
"""
import argparse
import json
import os
import statistics
import subprocess

LINES = [work for number in ("fp32", "bf16", "int8") for work in (
    f"prefill/{number}/d128/16x1024", f"prefill/{number}/d64/16x1024", f"prefill/{number}/d128/8x4096",
    f"decode/{number}/d128/16on16x32768", f"decode/{number}/d128/16on4x32768")]


def run(program, line, threads):
    """The best of one process, in ms: each repeats for a tenth of a second or more."""
    environment = dict(os.environ, TENON_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
    out = subprocess.run([program, f"--benchmark_filter=^{line}/threads:{threads}(/|$)", "--benchmark_format=json", "--benchmark_min_time=0.1"],
                         env=environment, check=True, capture_output=True, text=True).stdout
    found = json.loads(out)["benchmarks"]
    scale = {"us": 1e-3, "ms": 1.0, "ns": 1e-6, "s": 1e3}
    return min(each["real_time"] * scale[each["time_unit"]] for each in found)


def cell(values):
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("peers", nargs="+")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", default="", help="only lines that contain this")
    options = parser.parse_args()
    peers = dict(peer.split("=", 1) for peer in options.peers)
    print("ms: median (least-most)\n")
    print("| line | threads | tenon | " + " | ".join(peers) + " | against the best |")
    print("|---|---|---|" + "---|" * (len(peers) + 1), flush=True)
    for line in LINES:
        if options.only not in line:
            continue
        for threads in options.threads:
            mine, theirs = [], {name: {} for name in peers}
            for _ in range(options.turns):
                mine.append(run(options.bench, line, threads))
                for name, program in peers.items():
                    for number in ("bf16", "f16") if "bf16" in line else (line.split("/")[1],):
                        try:
                            took = run(program, line.replace("bf16", number), threads)
                            theirs[name].setdefault(number, []).append(took)
                        except (subprocess.CalledProcessError, ValueError):
                            pass  # a peer without this number
            best = {name: min(of.items(), key=lambda item: statistics.median(item[1])) for name, of in theirs.items() if of}
            cells = [f"{cell(best[name][1])} {best[name][0]}" if name in best else "-" for name in peers]
            ratio = f"{min(statistics.median(values) for _, values in best.values()) / statistics.median(mine):.2f}" if best else "-"
            print(f"| {line} | {threads} | {cell(mine)} | " + " | ".join(cells) + f" | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
